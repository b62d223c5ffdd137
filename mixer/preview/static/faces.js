/**
 * Drawn people and screens, the same as mixer/preview/faces.py draws: a face sways with time, its
 * mouth moves while its owner speaks. Part of one scope with host.js.
 */

const hsl = (hue, saturation, lightness) => `hsl(${hue % 360} ${saturation}% ${lightness}%)`;

function placeOf(stream) {
  const digits = stream.split('.')[0].replace(/\D/g, '');
  return digits ? Number(digits.slice(-3)) : [...stream].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 50;
}

function ellipse(draw, x, y, across, down, fill) {
  draw.fillStyle = fill;
  draw.beginPath();
  draw.ellipse(x, y, across, down, 0, 0, 2 * Math.PI);
  draw.fill();
}

function drawCamera(draw, width, height, stream, t, speaking, name) {
  const place = placeOf(stream);
  const hue = place * 47;
  const unit = height / 100;
  const x = width * (0.5 + 0.03 * Math.sin(1.3 * t + place));
  const y = height * (0.47 + 0.015 * Math.sin(2.1 * t + place));
  draw.fillStyle = hsl(hue, 32, 30);
  draw.fillRect(0, 0, width, height);
  draw.fillStyle = hsl(hue, 32, 24);
  draw.fillRect(0, height * 0.72, width, height);
  ellipse(draw, x, height * 1.04, 40 * unit, 34 * unit, hsl(hue + 160, 34, 46));
  ellipse(draw, x, y - 6 * unit, 19 * unit, 24 * unit, hsl(25 + place * 30, 30, 16));
  ellipse(draw, x, y, 17 * unit, 23 * unit, hsl(25, 45, 40 + (place % 5) * 9));
  for (const side of [-1, 1]) ellipse(draw, x + side * 6.5 * unit, y - 4 * unit, 1.8 * unit, 2.2 * unit, '#18181c');
  const open = speaking ? 1 + 3.5 * Math.abs(Math.sin(8 * t)) : 0.8;
  ellipse(draw, x, y + 11 * unit, 5.5 * unit, open * unit, 'rgb(110 34 40)');
  draw.fillStyle = 'white';
  draw.font = `${7 * unit}px sans-serif`;
  draw.textBaseline = 'top';
  draw.fillText(`${place}  ${t.toFixed(1)}`, 3 * unit, 2 * unit);
  draw.font = `${5 * unit}px sans-serif`;
  draw.fillText(name.length > 24 ? `${name.slice(0, 23)}…` : name, 3 * unit, 11 * unit);
}

function drawScreen(draw, width, height, stream, t) {
  const place = placeOf(stream);
  const unit = height / 100;
  draw.fillStyle = '#f6f4ef';
  draw.fillRect(0, 0, width, height);
  draw.fillStyle = hsl(place * 47, 55, 45);
  draw.fillRect(0, 0, width, 3 * unit);
  draw.fillStyle = '#22303c';
  draw.font = `${9 * unit}px sans-serif`;
  draw.textBaseline = 'top';
  draw.fillText(`Screen of ${place}`, 6 * unit, 9 * unit);
  draw.fillStyle = hsl(205, 45, 50);
  for (let column = 0; column < 6; column += 1) {
    const tall = (20 + 14 * (1 + Math.sin(t + column))) * unit;
    draw.fillRect((8 + column * 26) * unit, 88 * unit - tall, 16 * unit, tall);
  }
  ellipse(draw, width * (0.5 + 0.3 * Math.sin(0.7 * t)), height * (0.5 + 0.2 * Math.cos(t)), 1.6 * unit, 1.6 * unit, 'rgb(200 60 50)');
}
