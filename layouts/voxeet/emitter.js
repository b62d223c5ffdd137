/**
 * Stand-in for the seed platform's browser SDK, so that mixer layout pages written for it run.
 *
 * Our own code for the calls that such pages make, on top of the layout SDK (layouts/sdk); the real one
 * needs a platform that is gone. These files share one scope, in the order of mixer/layout/sdk.py.
 */

const layout = window.mixerLayout;

/** Runs a page's listener: its error is reported as the page's, and ours goes on. */
function attempt(listener, ...values) {
  try {
    listener(...values);
  } catch (error) {
    reportError(error);
  }
}

/** What Node calls an EventEmitter, as far as pages use it. */
class Emitter {
  #listeners = new Map(); // type -> [{listener, isOnce}]

  #add(type, listener, isOnce) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), { listener, isOnce }]);
    return this;
  }

  on(type, listener) { return this.#add(type, listener, false); }

  addListener(type, listener) { return this.on(type, listener); }

  once(type, listener) { return this.#add(type, listener, true); }

  off(type, listener) {
    const kept = (this.#listeners.get(type) ?? []).filter((entry) => entry.listener !== listener);
    this.#listeners.set(type, kept);
    return this;
  }

  removeListener(type, listener) { return this.off(type, listener); }

  removeAllListeners(type) {
    if (type === undefined) this.#listeners.clear();
    else this.#listeners.delete(type);
    return this;
  }

  listeners(type) { return (this.#listeners.get(type) ?? []).map(({ listener }) => listener); }

  listenerCount(type) { return this.listeners(type).length; }

  emit(type, ...values) {
    const entries = this.#listeners.get(type) ?? [];
    for (const { listener, isOnce } of entries) {
      if (isOnce) this.off(type, listener);
      attempt(listener, ...values);
    }
    return entries.length > 0;
  }
}

/** Methods that ask for what a recorded conference does not do: they resolve, and nothing happens. */
function withoutEffect(service, ...names) {
  for (const name of names) {
    Object.defineProperty(service, name, { configurable: true, writable: true, value: () => Promise.resolve() });
  }
}
