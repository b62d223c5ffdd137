"""The table of what CSS, canvas and DOM may do to a video: a small page for each.

`[a]`, `[b]`, … are the media elements (class v, that id): a, c and e show participant p0, b, d and
f p1. In a page's script `show(element, n)` gives an element the picture of participant n,
`media(id)` makes one, and `after(ms, act)` acts that long after frame 0. In the reference they are
`<img>`s (`rendered.py`): the browser's own painting, without anything of the mixer's.
"""

# ruff: noqa: E501 - pages' scripts
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["matte", "pixels", "any"]
BIG = "left: 20px; top: 15px; width: 480px; height: 270px;"
SMALL = "left: 380px; top: 200px; width: 240px; height: 135px;"


@dataclass(frozen=True, slots=True)
class Feature:
    """`mode`: the way that it is known to go, so that none becomes slow unseen. `video`: browsers
    cut images at other pixels than videos here, so the reference has videos, too, with the mixer's
    pictures in them."""

    name: str
    style: str
    body: str = "[a][b]"
    script: str = ""
    mode: Mode = "any"
    video: bool = False


def a(name: str, style: str, mode: Mode = "matte", *, video: bool = False) -> Feature:
    """A style of the large video; the small one is plain."""
    return Feature(name, f"#a {{ {style} }}", mode=mode, video=video)


def over(name: str, style: str, mode: Mode = "matte") -> Feature:
    """A box with a style over a part of both videos."""
    body = "[a][b]<div id=over>over Üß</div>"
    return Feature(name, f"#over {{ {style} }}", body, mode=mode)


def drawn(name: str, script: str) -> Feature:
    """A page that draws a video's pixels itself, each frame, to a canvas `c`."""
    body = "[a]<canvas id=c width=480 height=270></canvas>"
    style = "#a { opacity: 0; width: 64px; height: 36px } canvas { position: absolute; left: 60px; top: 40px }"
    return Feature(name, style, body, script, mode="pixels")


LOOP = "const loop = () => { draw(); requestAnimationFrame(loop); }; loop();"
TWO_D = "const to = c.getContext('2d'); "
WEBGL = """
const gl = c.getContext('webgl', { preserveDrawingBuffer: true });
const shader = (type, text) => { const s = gl.createShader(type); gl.shaderSource(s, text); gl.compileShader(s); return s; };
const program = gl.createProgram();
gl.attachShader(program, shader(gl.VERTEX_SHADER, 'attribute vec2 p; varying vec2 t; void main() { t = vec2(p.x, 1.0 - p.y); gl_Position = vec4(p * 2.0 - 1.0, 0, 1); }'));
gl.attachShader(program, shader(gl.FRAGMENT_SHADER, 'precision mediump float; varying vec2 t; uniform sampler2D s; void main() { gl_FragColor = texture2D(s, t); }'));
gl.linkProgram(program); gl.useProgram(program);
gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
gl.enableVertexAttribArray(0); gl.bindAttribLocation(program, 0, 'p'); gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
for (const [k, v] of [[gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE], [gl.TEXTURE_MIN_FILTER, gl.LINEAR]]) gl.texParameteri(gl.TEXTURE_2D, k, v);
const draw = () => { if (!ready(a)) return; gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, a); gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4); };
"""

FITTING = [
    a("plain", ""),
    a("object-fit: fill", "object-fit: fill; width: 300px"),
    a("object-fit: contain", "object-fit: contain; width: 320px; background: #600"),
    a("object-fit: cover", "object-fit: cover; width: 300px"),
    a("object-fit: none", "object-fit: none"),
    a("object-fit: scale-down", "object-fit: scale-down; width: 400px"),
    a("object-position: 20% 80%", "object-fit: cover; object-position: 20% 80%; height: 120px"),
    a("object-position: 13px 7px", "object-fit: none; object-position: 13px 7px; width: 200px"),
    a("object-view-box", "object-view-box: inset(10% 20% 30% 5%); object-fit: fill"),
    a("border, padding", "border: 6px solid #fc0; padding: 11px; background: #024"),
    a("zoom", "zoom: .8"),
    Feature("zoom of the page", "html { zoom: 1.25 }", mode="matte", video=True),
    a("image-rendering: pixelated", "image-rendering: pixelated", "any"),
    a(
        "subpixel position",
        "left: 20.37px; top: 15.61px; width: 333.3px; height: 187.7px",
        video=True,
    ),
]
TRANSFORMS = [
    a("transform: translate", "transform: translate(14.3px, 9.7px)"),
    a("transform: scale", "transform: scale(.7, .9)"),
    a("transform: mirrored", "transform: scaleX(-1)"),
    a("transform: upside down", "transform: scaleY(-1)"),
    a("transform: rotate(180deg)", "transform: rotate(180deg)"),
    a("transform: rotate(90deg)", "transform: rotate(90deg) scale(.6)", "any"),
    a("transform: rotate(12deg)", "transform: rotate(12deg) scale(.8)", "any"),
    a("transform: skewX", "transform: skewX(15deg) scale(.8)", "any", video=True),
    a("transform: matrix", "transform: matrix(.8, .1, -.15, .7, 10, 5)", "any"),
    a("scale, translate, rotate", "scale: .8; translate: 20px 10px; rotate: 3deg", "any"),
    a("transform: rotateY", "transform: perspective(700px) rotateY(25deg)", "any", video=True),
    a("transform: rotateX", "transform: perspective(500px) rotateX(20deg) scale(.8)", "any", video=True),
    a("transform: rotate3d", "transform: perspective(600px) rotate3d(1, 1, .2, 20deg)", "any", video=True),
    Feature(
        "preserve-3d",
        "#box { perspective: 600px; transform-style: preserve-3d } #a { transform: rotateY(30deg) "
        "translateZ(-60px) } #b { transform: rotateY(-20deg) translateZ(20px) }",
        "<div id=box>[a][b]</div>",
    ),
    a("transform: translateZ, will-change", "transform: translateZ(0); will-change: transform"),
    a("offset-path", "offset-path: path('M 250 150 L 400 200'); offset-distance: 30%; "
      "left: 0; top: 0; offset-rotate: 0deg"),
]  # fmt: skip
CUTTING = [
    a("border-radius", "border-radius: 60px / 40px"),
    Feature(
        "overflow: hidden, round",
        "#box { position: absolute; left: 60px; top: 20px; width: 280px; height: 280px; "
        "border-radius: 50%; overflow: hidden } #a { left: -80px; top: 0 }",
        "<div id=box>[a]</div>[b]",
        mode="matte",
    ),
    a("clip-path: circle", "clip-path: circle(40% at 45% 50%)"),
    a("clip-path: polygon", "clip-path: polygon(50% 0, 100% 60%, 80% 100%, 0 90%)"),
    a("clip-path: path", "clip-path: path('M 20 20 C 200 0 300 200 460 30 L 400 250 L 60 230 Z')"),
    Feature(
        "clip-path: url(#svg)",
        "#a { clip-path: url(#cut) }",
        "<svg width=0 height=0 style='position:absolute'><clipPath id=cut>"
        "<ellipse cx=240 cy=135 rx=200 ry=110 /></clipPath></svg>[a][b]",
        mode="matte",
    ),
    a("mask-image: linear-gradient", "mask-image: linear-gradient(90deg, #000 20%, transparent)"),
    a("mask-image: radial-gradient", "mask-image: radial-gradient(#000 40%, #0004 70%)"),
    a("mask, composite", "mask: radial-gradient(#000 50%, transparent 70%) exclude, "
      "linear-gradient(90deg, #0008, #000)"),
    a("clip: rect", "clip: rect(20px, 400px, 240px, 30px)"),
    Feature("contain: paint", "#box { contain: paint; position: absolute; width: 300px; height: "
            "200px; left: 30px; top: 40px }", "<div id=box>[a]</div>[b]", mode="matte"),
]  # fmt: skip
EFFECTS = [
    a("opacity", "opacity: .45"),
    a("filter: brightness(.7)", "filter: brightness(.7)"),
    a("filter: brightness(1.6)", "filter: brightness(1.6)", "any"),
    a("filter: drop-shadow", "filter: drop-shadow(0 0 12px #f80)"),
    a("filter: opacity", "filter: opacity(.6)"),
    a("filter: blur", "filter: blur(5px)", "pixels"),
    a("filter: contrast", "filter: contrast(1.4)", "pixels"),
    a("filter: saturate", "filter: saturate(1.8)", "pixels"),
    a("filter: grayscale", "filter: grayscale(1)", "pixels"),
    a("filter: sepia", "filter: sepia(.8)", "pixels"),
    a("filter: hue-rotate", "filter: hue-rotate(70deg)", "pixels"),
    a("filter: invert", "filter: invert(1)", "pixels"),
    Feature(
        "filter: url(#svg)",
        "#a { filter: url(#bent) }",
        "<svg width=0 height=0 style='position:absolute'><filter id=bent><feTurbulence "
        "baseFrequency='.02' result='n'/><feDisplacementMap in='SourceGraphic' in2='n' scale='25'"
        " xChannelSelector='R' yChannelSelector='G'/></filter></svg>[a][b]",
        mode="pixels",
    ),
    a("mix-blend-mode: multiply", "mix-blend-mode: multiply", "any"),
    a("mix-blend-mode: screen", "mix-blend-mode: screen", "any"),
    a("mix-blend-mode: difference", "mix-blend-mode: difference", "pixels"),
    a("mix-blend-mode: overlay", "mix-blend-mode: overlay", "any"),
    a("mix-blend-mode: luminosity", "mix-blend-mode: luminosity", "any"),
    Feature("isolation", "#box { isolation: isolate } #b { mix-blend-mode: hard-light; left: 300px;"
            " top: 150px }", "<div id=box>[a][b]</div>", mode="pixels"),
    a("box-shadow, outline", "box-shadow: 0 6px 30px #f0a; outline: 5px dashed #0fa"),
    Feature("-webkit-box-reflect", "#a { -webkit-box-reflect: below 5px linear-gradient(transparent"
            ", #0008); height: 150px; width: 266px }", mode="pixels"),
]  # fmt: skip
OVER = [
    over("label", "background: #000a; color: #fff; border-radius: 9px"),
    over("label, text only", "color: #fff; font-size: 40px; text-shadow: 0 0 8px #000"),
    over("backdrop-filter: blur", "backdrop-filter: blur(6px); background: #fff3", "pixels"),
    over("backdrop-filter: brightness", "backdrop-filter: brightness(.5)", "any"),
    over("backdrop-filter: invert", "backdrop-filter: invert(1)", "pixels"),
    over("blending over video", "background: #f80; mix-blend-mode: multiply", "any"),
    over("blending text", "color: #fff; font-size: 60px; mix-blend-mode: difference", "pixels"),
    Feature("overlap", "#b { left: 250px; top: 120px }", mode="matte"),
    Feature("overlap, translucent", "#b { left: 250px; top: 120px; opacity: .5 }", mode="matte"),
    Feature(
        "overlap, round and shadowed",
        "#b { left: 250px; top: 120px; border-radius: 30px; box-shadow: 0 0 25px #000 }",
        mode="matte",
    ),
    Feature(
        "three over one another",
        "#b { left: 200px; top: 100px; opacity: .7 } #c { left: 300px; top: 150px; width: 200px; "
        "height: 113px; opacity: .8 }",
        "[a][b][c]",
    ),
    Feature("group opacity", "#box { opacity: .6 } #b { left: 260px; top: 130px }",
            "<div id=box>[a][b]</div>", mode="matte"),
]  # fmt: skip
FLOW = [
    Feature(
        "scrolled box",
        "#box { position: absolute; left: 50px; top: 30px; width: 400px; height: 240px; overflow: "
        "auto; scrollbar-width: none } #a { top: 0 } #b { top: 300px; left: 30px } #box i { "
        "display: block; height: 900px }",
        "<div id=box><i></i>[a][b]</div>",
        "box.scrollTop = 137;",
        "matte",
    ),
    Feature(
        "scrolled page, fixed",
        "body { height: 2000px } #b { position: fixed } html { scrollbar-width: none; overflow: "
        "auto } #a { top: 150px }",
        script="scrollTo(0, 93);",
        mode="matte",
    ),
    Feature(
        "scrolling smoothly",
        "body { height: 2000px } html { scrollbar-width: none; overflow: auto } #a { top: 250px }",
        script="after(300, () => scrollTo({ top: 200, behavior: 'smooth' }));",
    ),
    Feature(
        "position: sticky",
        "#box { position: absolute; left: 40px; top: 10px; width: 500px; height: 330px; overflow: "
        "auto; scrollbar-width: none } .v { position: static } #a { position: sticky; top: 20px; "
        "width: 320px; height: 180px } #b { display: block; margin-top: 300px } i { display: "
        "block; height: 800px }",
        "<div id=box>[a][b]<i></i></div>",
        "box.scrollTop = 180;",
        "matte",
    ),
    Feature(
        "grid and flex",
        "body { display: grid; grid-template-columns: 2fr 1fr; gap: 7px; padding: 9px; box-sizing:"
        " border-box } .v { position: static; width: 100%; height: 100%; min-height: 0 } "
        "#box { display: flex; flex-direction: column; gap: 5px; min-height: 0 } "
        "#box .v { flex: 1 1 0 }",
        "[a]<div id=box>[b][c][d]</div>",
        mode="matte",
        video=True,
    ),
    Feature(
        "columns, aspect-ratio",
        "body { columns: 2; column-gap: 11px } .v { position: static; display: block; width: 100%;"
        " height: auto; aspect-ratio: 16 / 10; margin-bottom: 6px }",
        "[a][b][c]",
        mode="matte",
    ),
    Feature(
        "writing-mode, direction",
        "body { writing-mode: vertical-rl; direction: rtl } .v { position: static; margin: 5px }",
        mode="matte",
    ),
    Feature(
        "dialog in the top layer",
        "dialog { padding: 10px; border: 3px solid #fff } dialog::backdrop { background: #0009 } "
        "dialog .v { position: static; width: 240px; height: 135px; display: block }",
        "[a]<dialog id=box>[b]</dialog>",
        "box.showModal(); document.activeElement?.blur();",
        "matte",
    ),
    Feature("visibility, display", "#b { visibility: hidden } #c { display: none }", "[a][b][c]",
            mode="matte"),
    Feature("content-visibility", "#box { content-visibility: auto; height: 360px }",
            "<div id=box>[a][b]</div>", mode="matte"),
    Feature(
        "one stream twice",
        "#c { left: 30px; top: 200px; width: 200px; height: 113px; transform: scaleX(-1) }",
        "[a][b][c]",
        mode="matte",
    ),
    Feature(
        "eighteen videos",
        "body { display: grid; grid-template-columns: repeat(6, 1fr); gap: 4px } .v { position: "
        "static; width: 100%; height: 100%; min-height: 0 }",
        "".join(f"[{id_}]" for id_ in "abcdefghijklmnopqr"),
        mode="matte",
    ),
]  # fmt: skip
DOM = [
    Feature(
        "shadow DOM",
        "",
        "<div id=box></div>",
        "const root = box.attachShadow({ mode: 'closed' }); const v = media('a'); "
        f"v.style = 'position: absolute; {BIG}'; root.append(v); show(v, 0);",
        "matte",
    ),
    Feature(
        "slots",
        "",
        "<div id=box>[a]</div>[b]",
        "box.attachShadow({ mode: 'open' }).innerHTML = '<div style=\"position: absolute; left: "
        "30px; top: 20px; opacity: .8\"><slot></slot></div>';",
        "matte",
    ),
    Feature(
        "iframe",
        "iframe { position: absolute; left: 30px; top: 30px; width: 400px; height: 250px; border: "
        "4px solid #fa0 }",
        "<iframe id=box></iframe>[b]",
        "const v = media('a'); box.contentDocument.body.style.margin = 0; v.style = 'position: "
        "absolute; left: 40px; top: 30px; width: 320px; height: 180px'; "
        "box.contentDocument.body.append(v); show(v, 0);",
    ),
    Feature(
        "svg foreignObject",
        "svg { position: absolute } foreignObject .v { position: static; width: 300px; height: 169px }",
        "<svg width=600 height=340 viewBox='0 0 500 280'><rect width=500 height=280 fill=#246 />"
        "<foreignObject x=60 y=40 width=300 height=169>[a]</foreignObject></svg>[b]",
    ),
    Feature(
        "taken out and put back",
        "",
        script="after(200, () => a.remove()); after(400, () => document.body.prepend(a));",
        mode="matte",
    ),
    Feature("moved late", "", script="after(500, () => { a.style.left = '130px'; });",
            mode="matte"),
]  # fmt: skip
MOTION = [
    Feature(
        "transition of a place",
        "#a { transition: left .6s, width .6s linear } .go #a { left: 140px; width: 300px }",
        script="after(500, () => document.body.classList.add('go'));",
    ),
    Feature(
        "transition of a transform",
        "#a { transition: transform .6s } .go #a { transform: translate(100px, 60px) scale(.6) }",
        script="after(500, () => document.body.classList.add('go'));",
    ),
    Feature("keyframes: place", "@keyframes go { to { left: 150px; top: 80px } } "
            "#a { animation: go 1.5s ease-in-out infinite alternate }"),
    Feature("keyframes: opacity", "@keyframes go { from { opacity: .1 } } "
            "#a { animation: go 2.5s infinite alternate }"),
    Feature("keyframes: rotation", "@keyframes go { to { transform: rotate(360deg) } } "
            "#a { animation: go 9s linear infinite }", mode="pixels", video=True),
    Feature("keyframes: filter", "@keyframes go { to { filter: blur(12px) } } "
            "#a { animation: go 3s linear infinite }", mode="pixels"),
    Feature("web animations", "", script="a.animate([{ clipPath: 'inset(0)' }, { clipPath: "
            "'inset(60px)' }], { duration: 2000, iterations: Infinity });"),
    Feature("requestAnimationFrame", "", script="const t0 = performance.now(); const go = () => { "
            "a.style.left = `${20 + (performance.now() - t0) / 40}px`; requestAnimationFrame(go); "
            "}; go();"),
    Feature("ring around a video", "@keyframes go { 50% { box-shadow: 0 0 0 14px #0f8 } } "
            "#a { animation: go 1s infinite }"),
    Feature("background that moves", "@keyframes go { to { background-position: 300px 0 } } body {"
            " background: repeating-linear-gradient(60deg, #024 0 40px, #135 40px 80px); "
            "background-size: 300px 100%; animation: go 4s linear infinite }"),
    Feature("clock", "#clock { position: absolute; right: 10px; top: 4px; color: #fff; font: 24px "
            "monospace }", "[a][b]<div id=clock></div>", "const tick = () => { clock.textContent ="
            " String(Math.floor(performance.now() / 100)); }; setInterval(tick, 100); tick();"),
    Feature(
        "label that goes, clip that opens",
        "#over { background: #345 } #b { clip-path: inset(20px) } .go #b { clip-path: none } "
        "#ring { position: absolute; left: 4px; top: 300px; width: 40px; height: 40px; "
        "background: #f80 } .go #ring { background: #08f }",
        "[a][b]<div id=over>over</div><div id=ring></div>",
        "after(400, () => { over.remove(); document.body.classList.add('go'); });",
        "matte",
    ),
    Feature("view transition", "#a { view-transition-name: tile } ::view-transition-group(*) { "
            "animation-duration: 2s }",
            script="after(100, () => document.startViewTransition(() => { a.style.left = '150px'; "
            "a.style.width = '300px'; }));", mode="matte"),
]  # fmt: skip
READERS = [
    drawn("canvas: drawImage", TWO_D + "const draw = () => { if (ready(a)) to.drawImage(a, 0, 0, "
          "480, 270); };" + LOOP),
    drawn("canvas: a part, filtered", TWO_D + "const draw = () => { if (!ready(a)) return; "
          "to.filter = 'grayscale(.7)'; to.drawImage(a, 100, 50, 400, 225, 20, 10, 400, 225); };"
          + LOOP),
    drawn("canvas: createPattern", TWO_D + "const draw = () => { if (!ready(a)) return; "
          "to.fillStyle = to.createPattern(a, 'repeat'); to.fillRect(10, 10, 440, 240); };" + LOOP),
    drawn("canvas: getImageData", TWO_D + "const draw = () => { if (!ready(a)) return; "
          "to.drawImage(a, 0, 0, 480, 270); const d = to.getImageData(0, 0, 240, 270); for (let i "
          "= 0; i < d.data.length; i += 4) d.data[i] = 255 - d.data[i]; to.putImageData(d, 0, 0); "
          "};" + LOOP),
    drawn("createImageBitmap", TWO_D + "const draw = () => { if (ready(a)) createImageBitmap(a)."
          "then((bitmap) => to.drawImage(bitmap, 0, 0, 480, 270)); };" + LOOP),
    drawn("OffscreenCanvas", "const off = new OffscreenCanvas(480, 270); const to = off.getContext"
          "('2d'); const out = c.getContext('bitmaprenderer'); const draw = () => { if (!ready(a))"
          " return; to.drawImage(a, 0, 0, 480, 270); out.transferFromImageBitmap("
          "off.transferToImageBitmap()); };" + LOOP),
    drawn("WebGL", WEBGL + LOOP),
    drawn("out of the document, once", "const v = media('v'); show(v, 1); after(600, () => c.getContext"
          "('2d').drawImage(v, 0, 0, 480, 270));"),
    drawn("out of the document, VideoFrame", "const v = media('v'); show(v, 1); " + TWO_D + "const draw"
          " = () => { if (!ready(v)) return; to.drawImage(v, 0, 0, 480, 270); const frame = new "
          "VideoFrame(v, { timestamp: 0 }); to.drawImage(frame, 240, 0, 240, 270); frame.close(); };"
          + LOOP),
]  # fmt: skip
FEATURES = [*FITTING, *TRANSFORMS, *CUTTING, *EFFECTS, *OVER, *FLOW, *DOM, *MOTION, *READERS]
