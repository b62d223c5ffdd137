/** A built-in layout's page: the conference's state, at each change, onto the stage. */
'use strict';

const Page = (() => {
  const layout = window.mixerLayout;

  function newStage() {
    const stage = document.createElement('main');
    stage.id = 'stage';
    document.body.append(stage);
    return stage;
  }

  /** The page's size: what the mixer says, else what the window has. */
  function sizeOf({ width, height }) {
    return { width: Number(width) || innerWidth, height: Number(height) || innerHeight };
  }

  /**
   * Shows `scene(state, size, {parameters, floor})` from now on. `floor` is Floor (floor.js) for a
   * layout that has somebody large: it remembers who that is, and says when to look again.
   */
  function run(scene, { floor = null } = {}) {
    const { parameters } = layout; // of the start: a layout is not redecorated under way
    const stage = newStage();
    const view = new View.StageView(stage, (streamId) => layout.mediaStream(streamId));
    let memory = floor?.EMPTY ?? null;
    let timer = 0;

    const follow = () => {
      clearTimeout(timer);
      const now = performance.now(); // the page's time is the recording's
      memory = floor.after(memory, Faces.people(layout.state), now);
      const due = floor.due(memory);
      if (due !== null) timer = setTimeout(draw, Math.max(1, Math.ceil(due - now)));
    };

    const draw = () => {
      try {
        const size = sizeOf(layout.parameters);
        stage.style.width = `${size.width}px`;
        stage.style.height = `${size.height}px`;
        if (floor !== null) follow();
        view.show(scene(layout.state, size, { parameters, floor: memory }));
      } catch (error) {
        layout.fail(error);
        throw error;
      }
    };

    if (parameters.language) document.documentElement.lang = parameters.language;
    const pictures = Theme.apply(stage, parameters);
    layout.addEventListener('change', draw);
    draw();
    if (pictures.length === 0) layout.ready();
    else Promise.allSettled(pictures).then(() => layout.ready());
  }

  return { run };
})();
