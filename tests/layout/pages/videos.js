/**
 * Gives the n-th stream with a picture to the n-th <video> of the page, puts the layout's parameters
 * (CSS, by the id of an element) on, and says that it is ready.
 */
{
  const videos = [...document.querySelectorAll('video')];
  for (const [id, css] of Object.entries(mixerLayout.parameters)) {
    const element = document.getElementById(id);
    if (element) element.style.cssText += css;
  }
  const draw = () => {
    const streams = mixerLayout.state.participants.flatMap(({ streams }) => streams).filter(({ video }) => video);
    videos.forEach((video, index) => {
      const stream = streams[index] ? mixerLayout.mediaStream(streams[index].id) : null;
      if (video.srcObject !== stream) video.srcObject = stream;
    });
    window.onDraw?.();
  };
  mixerLayout.addEventListener('change', draw);
  draw();
  mixerLayout.ready();
}
