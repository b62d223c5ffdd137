/**
 * Why a page cannot be rendered with mattes: it reads the pixels of its videos, or CSS does something
 * to them that a matte cannot tell.
 */

// ---- pixels read by the page: such a page cannot be rendered with mattes ------------------------

const readers = new Set();
const heed = (name, values) => {
  for (const value of values) {
    const video = value instanceof HTMLVideoElement ? value : value?.source; // WebGPU wraps it
    const element = video instanceof HTMLVideoElement ? elementOf(video) : undefined;
    if (!element) continue;
    element.read = true;
    readers.add(name);
  }
};
const watch = (owner, name) => {
  const original = owner?.[name];
  if (!original) return;
  owner[name] = function watched(...values) {
    heed(name, values);
    return original.apply(this, values);
  };
};
watch(CanvasRenderingContext2D.prototype, 'drawImage');
watch(CanvasRenderingContext2D.prototype, 'createPattern');
watch(window.OffscreenCanvasRenderingContext2D?.prototype, 'drawImage');
watch(window.OffscreenCanvasRenderingContext2D?.prototype, 'createPattern');
for (const context of [window.WebGLRenderingContext, window.WebGL2RenderingContext]) {
  for (const name of ['texImage2D', 'texSubImage2D', 'texImage3D', 'texSubImage3D']) watch(context?.prototype, name);
}
watch(window.GPUDevice?.prototype, 'importExternalTexture');
watch(window.GPUQueue?.prototype, 'copyExternalImageToTexture');
watch(window, 'createImageBitmap');
if (native.VideoFrame) {
  window.VideoFrame = new Proxy(native.VideoFrame, {
    construct(target, values, made) {
      heed('VideoFrame', values);
      return Reflect.construct(target, values, made);
    },
  });
}
// A view transition shows a picture of what was there before: a test card's. Pages jump instead, as
// browsers let those that nobody looks at.
for (const owner of [Document.prototype, Element.prototype]) {
  const original = owner.startViewTransition;
  if (!original) continue;
  owner.startViewTransition = function startViewTransition(...values) {
    const transition = original.apply(this, values);
    transition.skipTransition();
    return transition;
  };
}

// ---- why a page's videos cannot be rendered with mattes, by CSS ---------------------------------

const matrixIsFlat = (text) => {
  if (text === 'none') return true;
  const values = /^matrix\(([^)]*)\)$/.exec(text)?.[1].split(',').map(Number);
  return Boolean(values) && Math.abs(values[1]) < 1e-6 && Math.abs(values[2]) < 1e-6;
};

function suspects(element) {
  const found = [];
  for (let node = element.video; node instanceof Element; node = node.parentElement ?? node.getRootNode().host) {
    const style = getComputedStyle(node);
    for (const property of ['filter', 'mixBlendMode', 'perspective']) {
      const value = style[property];
      if (value && value !== 'none' && value !== 'normal') found.push(`${property}: ${value}`);
    }
    if (!matrixIsFlat(style.transform)) found.push(`transform: ${style.transform}`);
    if (style.rotate && style.rotate !== 'none') found.push(`rotate: ${style.rotate}`);
  }
  const box = element.video.getBoundingClientRect();
  for (const node of document.querySelectorAll('*')) {
    if (node === element.video) continue;
    const style = getComputedStyle(node);
    const blend = style.mixBlendMode !== 'normal' ? `mixBlendMode: ${style.mixBlendMode}` : '';
    const behind = style.backdropFilter && style.backdropFilter !== 'none' ? `backdropFilter: ${style.backdropFilter}` : '';
    if (!blend && !behind) continue;
    const other = node.getBoundingClientRect();
    if (other.left < box.right && box.left < other.right && other.top < box.bottom && box.top < other.bottom) {
      found.push(behind || blend);
    }
  }
  return [...new Set(found)];
}
