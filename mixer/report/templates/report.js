'use strict';
// The page is whole without this. It adds: links play within the page, a playhead, a cursor, zoom.
const clock = (t) => {
  const s = Math.floor(t), two = (n) => String(n).padStart(2, '0');
  const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
};

addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});

for (const section of document.querySelectorAll('section.file')) {
  const duration = Number(section.dataset.duration) || 1;
  const video = section.querySelector('video, audio');
  const timeline = section.querySelector('.timeline');
  const sheet = section.querySelector('.sheet');
  const heads = section.querySelector('.heads');
  const playhead = section.querySelector('.playhead');
  const cursor = section.querySelector('.cursor');
  let playable = Boolean(video);

  const at = (t) => `${Math.min(1, t / duration) * 100}%`;

  const seek = (t) => {
    video.currentTime = t;
    video.play().catch(() => {});
    playhead.hidden = false;
    playhead.style.left = at(t);
  };

  if (video) {
    video.addEventListener('error', () => {
      playable = false;
      video.parentElement.classList.add('missing');
      sheet.classList.remove('seekable');
    });
    video.addEventListener('timeupdate', () => {
      playhead.hidden = false;
      playhead.style.left = at(video.currentTime);
    });
    sheet.classList.add('seekable');
  }

  section.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-t]');
    if (event.ctrlKey || event.metaKey || event.shiftKey || !playable) return;
    if (link) {
      event.preventDefault();
      seek(Number(link.dataset.t));
    } else if (event.target.closest('.sheet td')) {
      const box = heads.getBoundingClientRect();
      seek(Math.max(0, (event.clientX - box.left) / box.width) * duration);
    }
  });

  sheet.addEventListener('pointermove', (event) => {
    const box = heads.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const names = timeline.getBoundingClientRect().left + (heads.offsetLeft || 0);
    cursor.hidden = share < 0 || share > 1 || event.clientX < names;
    cursor.style.left = `${share * 100}%`;
    cursor.firstChild.textContent = clock(share * duration);
  });
  sheet.addEventListener('pointerleave', () => { cursor.hidden = true; });

  const zoom = section.querySelector('.zoom');
  if (zoom) {
    let factor = 1;
    const [out, into] = zoom.querySelectorAll('button');
    const most = duration > 1800 ? 32 : 8;
    const set = (wanted) => {
      const before = heads.getBoundingClientRect().width;
      const middle = timeline.scrollLeft + (timeline.clientWidth - heads.offsetLeft) / 2;
      factor = Math.min(most, Math.max(1, wanted));
      sheet.style.setProperty('--zoom', factor);
      sheet.dataset.level = factor >= 16 ? 2 : factor >= 4 ? 1 : 0;
      const after = heads.getBoundingClientRect().width;
      timeline.scrollLeft += middle * (after / before) - middle;
      zoom.querySelector('output').textContent = `${factor}×`;
      out.disabled = factor === 1;
      into.disabled = factor === most;
    };
    out.addEventListener('click', () => set(factor / 2));
    into.addEventListener('click', () => set(factor * 2));
    zoom.hidden = false;
    set(1);
  }
}
