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
   * Shows `scene(state, size, {parameters, seats})` from now on. `isSeated`: for a layout in which
   * somebody is large; `seats` then are ids of participants, that one first (seats.js).
   */
  function run(scene, { isSeated = false } = {}) {
    const { parameters } = layout; // of the start: a layout is not redecorated under way
    const stage = newStage();
    const view = new View.StageView(stage, (streamId) => layout.mediaStream(streamId));
    let seats = [];

    const draw = () => {
      try {
        const size = sizeOf(layout.parameters);
        stage.style.width = `${size.width}px`;
        stage.style.height = `${size.height}px`;
        if (isSeated) seats = Seats.after(seats, Faces.people(layout.state), layout.activeSpeaker?.id);
        view.show(scene(layout.state, size, { parameters, seats }));
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
