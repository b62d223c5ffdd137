/** Gives the n-th stream with a picture to the n-th <video> of the page, and says when it is ready. */
{
  const videos = [...document.querySelectorAll('video')];
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
