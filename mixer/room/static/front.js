// The front page: from a room's name to its join page.

const form = document.getElementById('front-form');
const input = document.getElementById('front-room');
input.focus();
form.addEventListener('submit', (event) => {
  event.preventDefault();
  location.href = `/rooms/${encodeURIComponent(input.value)}`;
});
