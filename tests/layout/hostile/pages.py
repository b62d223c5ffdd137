"""Pages that mean harm, or are broken as if they did: what none of them may do to a recording.

Placeholders: `{evil}` a server that the operator allowed and that answers as the page needs it;
`{canary}` and `{own}` host:port of servers on loopback and on this machine's own address, `{udp}`
of a UDP socket, none of which a page may ever reach.
"""

from __future__ import annotations

from dataclasses import dataclass

START = (
    "<!doctype html><meta charset=utf-8><body style='background:#345'><video></video><p id=n>0</p>"
    "<script>document.querySelector('video').srcObject = mixerLayout.mediaStream('p0.camera');"
    "let k = 0; setInterval(() => { n.textContent = k += 1; }, 200);</script>"
)
READY = "<script>mixerLayout.ready();</script>"
FAILED, STALLED, REPLACED = "page.failed", "page.stalled", "page.replaced"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A page, and by which notes it must be reported: types, or kinds of `page.suppressed`.

    `url`: the layout is this address, not the page.
    """

    name: str
    expected: tuple[str, ...]
    script: str = ""
    html: str = ""
    url: str = ""

    def page(self) -> str:
        """The whole document; its script runs once the page is shown."""
        return f"{START}{READY}{self.html}<script>{self.script}</script>"


def later(script: str, ms: int = 1200) -> str:
    """Behind the loading: in the first frames of the recording."""
    return f"setTimeout(() => {{ {script} }}, {ms});"


GONE = (FAILED, REPLACED)
SPIN = "new Worker(URL.createObjectURL(new Blob(['while (true);'])))"
FETCHING = (
    "new Worker(URL.createObjectURL(new Blob([`"
    "fetch('http://{canary}/worker', {mode: 'no-cors'}).catch(() => 0);"
    "fetch('http://{own}/worker', {mode: 'no-cors'}).catch(() => 0);"
    "try { importScripts('http://{canary}/import') } catch {}`])))"
)
RTC = """
for (const server of ['stun:{udp}', 'turn:{udp}', 'turn:{canary}?transport=tcp']) {
  const a = new RTCPeerConnection({iceServers: [{urls: server, username: 'a', credential: 'b'}]});
  const b = new RTCPeerConnection();
  a.createDataChannel('x');
  (async () => {
    await a.setLocalDescription(await a.createOffer());
    await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription(await b.createAnswer());
    await a.setRemoteDescription(b.localDescription);
    const [ip, port] = '{udp}'.split(':');
    const candidate = `candidate:1 1 udp 2122260223 ${ip} ${port} typ host`;
    await a.addIceCandidate({candidate, sdpMid: '0'});
  })();
}
"""
LOADS = """
<link rel=dns-prefetch href="http://{canary}/"><link rel=preconnect href="http://{canary}/">
<link rel=prefetch href="http://{canary}/p"><link rel=stylesheet href="http://{own}/s.css">
<link rel=manifest href="http://{canary}/m"><link rel=icon href="http://{canary}/i">
<img src="http://{canary}/img"><img src="http://{own}/img"><iframe src="http://{canary}/f"></iframe>
<object data="http://{canary}/o"></object><embed src="http://{own}/e">
<video src="http://{canary}/v" autoplay></video><audio src="http://{own}/a" autoplay></audio>
<style>@font-face { font-family: x; src: url(http://{canary}/font) } p { font-family: x;
background: url(http://{own}/bg) }</style><script src="http://{canary}/js"></script>
<script type=speculationrules>{"prefetch": [{"source": "list", "urls": ["http://{canary}/r"]}],
"prerender": [{"source": "list", "urls": ["http://{canary}/q"]}]}</script>
"""
TALKS = """
for (const host of ['{canary}', '{own}', 'localhost:' + '{canary}'.split(':')[1]]) {
  for (const scheme of ['http', 'https']) {
    fetch(`${scheme}://${host}/fetch`, {mode: 'no-cors'}).catch(() => 0);
    fetch(`${scheme}://${host}/post`, {method: 'POST', body: 'x', mode: 'no-cors'})
      .catch(() => 0);
    navigator.sendBeacon(`${scheme}://${host}/beacon`, 'x');
    new EventSource(`${scheme}://${host}/source`);
  }
  new WebSocket(`ws://${host}/ws`); new WebSocket(`wss://${host}/ws`);
}
for (const host of ['0x7f.1', '2130706433', '[::ffff:127.0.0.1]', '0', '[::1]', '127.1']) {
  fetch(`http://${host}:${'{canary}'.split(':')[1]}/odd`, {mode: 'no-cors'}).catch(() => 0);
}
"""
METADATA = """
for (const url of ['http://169.254.169.254/latest/meta-data/', 'http://[fd00:ec2::254]/latest/',
  'http://100.100.100.200/latest/', 'http://169.254.170.2/v2/credentials', 'http://10.0.0.1/',
  'http://192.168.0.1/', 'http://[::ffff:169.254.169.254]/', 'https://169.254.169.254/']) {
  fetch(url, {mode: 'no-cors'}).catch(() => 0);
}
"""
REDIRECTS = """
for (const to of ['http://{canary}/redirected', 'http://{own}/redirected',
                  'http://169.254.169.254/latest/']) {
  fetch('{evil}/to?' + to).catch(() => 0);
  new Image().src = '{evil}/to?' + to;
  const frame = document.createElement('iframe');
  frame.src = '{evil}/to?' + to;
  document.body.append(frame);
}
"""
DOWNLOADS = """
for (const href of ['data:text/plain,x', URL.createObjectURL(new Blob(['x'])), '{evil}/attached']) {
  const a = document.createElement('a');
  Object.assign(a, {href, download: 'x.txt'});
  document.body.append(a);
  a.click();
}
"""
POPUPS = """
for (let i = 0; i < 20; i += 1) window.open('http://{canary}/popup');
const frame = document.createElement('iframe');
document.body.append(frame);
frame.contentWindow.open('http://{canary}/inner');
const a = document.createElement('a');
Object.assign(a, {href: 'http://{canary}/blank', target: '_blank'});
document.body.append(a);
a.click();
"""
TAMPERS = """
const lies = { settled: 'x', due: 'soon', videos: [{number: 'a', width: 1e12, height: -1}] };
try { __mixerHost.look = () => lies; } catch {}
try { window.__mixerHost = { look: () => lies, step() {}, show: () => true }; } catch {}
JSON.stringify = () => '{'; Array.prototype.map = () => 7; Map.prototype.values = () => 7;
"""
ASKS = """
navigator.geolocation.getCurrentPosition(() => alert('here'), () => 0);
Notification.requestPermission();
navigator.permissions.query({name: 'geolocation'})
  .then(({state}) => console.log(state) || (state === 'granted' && mixerLayout.fail('granted')));
navigator.clipboard?.readText().catch(() => 0);
navigator.requestMIDIAccess?.().catch(() => 0);
document.documentElement.requestFullscreen?.().catch(() => 0);
alert('a'); confirm('b'); prompt('c'); print(); debugger;
"""

PAGES = (
    Hostile("hangs while it loads", GONE, "while (true);"),
    Hostile("hangs later", GONE, later("while (true);")),
    Hostile("hangs in an animation frame", GONE,
            later("requestAnimationFrame(() => { for (;;); })")),
    Hostile("hangs in a regular expression", GONE, later("/^(a+)+$/.test('a'.repeat(60) + 'b')")),
    Hostile("never lets go of its microtasks", GONE,
            later("(function f() { Promise.resolve().then(f); })()")),
    Hostile("sends itself messages for ever", (STALLED, FAILED),
            later("const c = new MessageChannel(), post = () => c.port2.postMessage(1);"
                  "c.port1.onmessage = post; post();")),
    Hostile("waits for an answer in the middle of a script", GONE,
            later("const x = new XMLHttpRequest();"
                  "x.open('GET', '{evil}/silence', false); x.send()")),
    Hostile("eats the heap", GONE,
            later("const a = []; for (;;) a.push(new Array(1e5).fill(Math.random()))")),
    Hostile("eats memory in buffers", GONE,
            later("const a = []; setInterval(() => a.push(new Uint8Array(3e7).fill(1)), 4)")),
    Hostile("eats memory in canvases", GONE, later("""
        const all = []; setInterval(() => { const c = document.createElement('canvas');
        c.width = c.height = 3000; c.getContext('2d').fillRect(0, 0, 3000, 3000); all.push(c); }, 4)
        """)),
    Hostile("eats memory in the browser's own process", GONE,
            later("const a = []; setInterval(() => a.push(new Blob([new Uint8Array(3e7)])), 4)")),
    Hostile("has a giant document", GONE, later("""
        const all = []; for (let i = 0; i < 3e6; i += 1) { const d = document.createElement('div');
        d.textContent = i; all.push(d); } document.body.append(...all.splice(0))""")),
    Hostile("opens dialogs and asks for permissions", ("dialog",), ASKS),
    Hostile("opens pop-ups", ("popup",), POPUPS),
    Hostile("downloads", ("download",), DOWNLOADS),
    Hostile("leaves for another address", ("navigation",), later("location = 'http://{canary}/away'")),
    Hostile("leaves for a document of its own making", GONE,
            later("location = URL.createObjectURL(new Blob(['hi'], {type: 'text/html'}))")),
    Hostile("goes back to where it came from", GONE, later("history.back()")),
    Hostile("closes itself", ("closing",), later("window.close()")),
    Hostile("is never ready", GONE, url="{evil}/never-ready"),
    Hostile("throws", ("error",), later("setInterval(() => { throw new Error('oh ' + k); }, 10)")),
    Hostile("lies about what it shows", GONE, later(TAMPERS)),
    Hostile("asks for metadata", ("refused",), METADATA),
    Hostile("is redirected inwards", ("refused",), REDIRECTS),
    Hostile("is an address that redirects inwards", ("refused",), url="{evil}/to?http://{canary}/page"),
    Hostile("is an inner address", ("refused",), url="http://169.254.169.254/latest/"),
    Hostile("talks to inner servers", ("refused",), TALKS),
    Hostile("loads from inner servers", ("refused",), html=LOADS),
    Hostile("goes round by WebRTC", ("refused",), RTC),
    Hostile("goes round by a worker", ("refused",), FETCHING),
    Hostile("requests without end", ("too-much",),
            "(async () => { for (let i = 0; ; i += 1) await fetch('{evil}/text?' + i); })()"),
    Hostile("loads without end", (STALLED, FAILED),
            "fetch('{evil}/endless').then((r) => r.text())"),
    Hostile("holds requests open", (STALLED,),
            "for (let i = 0; i < 40; i += 1) new EventSource('{evil}/silence?' + i);"),
    Hostile("starts endless workers", GONE, later(f"setInterval(() => {{ {SPIN}; }}, 4)")),
    Hostile("frames itself", (FAILED, STALLED, "too-much"), url="{evil}/frames?0"),
    Hostile("floods the console", GONE, later("for (;;) console.log('x'.repeat(1e5), {k})")),
    Hostile("writes itself anew", GONE,
            later("document.open(); document.write('<p>x'); document.close();"
                  "mixerLayout.fail('written anew')")),
)  # fmt: skip
FEW = (
    "hangs later",
    "eats memory in buffers",
    "leaves for a document of its own making",
    "opens pop-ups",
    "is redirected inwards",
    "talks to inner servers",
    "goes round by WebRTC",
    "lies about what it shows",
)
