/** The conference's state, at each change, onto the stage. */
'use strict';

{
  const layout = window.mixerLayout;
  const stage = document.getElementById('stage');
  const size = { width: Number(stage.dataset.width), height: Number(stage.dataset.height) };
  const view = new View.StageView(
    stage, document.getElementById('tile'), (streamId) => layout.mediaStream(streamId));

  const draw = () => {
    try {
      view.show(Scene.of(layout.state, size));
    } catch (error) {
      layout.fail(error);
      throw error;
    }
  };

  stage.style.width = `${size.width}px`;
  stage.style.height = `${size.height}px`;
  layout.addEventListener('change', draw);
  draw();
  layout.ready();
}
