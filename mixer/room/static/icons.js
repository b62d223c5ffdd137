// The page's icons: paths on a 24 x 24 grid, drawn with the text's colour.

const paths = {
  microphone:
    '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3"/>',
  microphoneOff:
    '<path d="M15 9.500V6a3 3 0 0 0-5.700-1.300M9 9v2a3 3 0 0 0 4.600 2.500M5.500 11.500a6.500 6.500 0 0 0 10.400 5.200M18.500 11.500c0 .9-.2 1.800-.5 2.600M12 18v3M4 4l16 16"/>',
  camera:
    '<rect x="3" y="6.500" width="12.500" height="11" rx="2.500"/><path d="M15.500 10.800 21 7.500v9l-5.500-3.300"/>',
  cameraOff:
    '<path d="M9.500 6.500H13a2.500 2.500 0 0 1 2.500 2.500v1.800L21 7.500v9l-2-1.200M15.300 15.800A2.500 2.500 0 0 1 13 17.500H5.500A2.500 2.500 0 0 1 3 15V9c0-1 .6-1.900 1.500-2.300M4 4l16 16"/>',
  screen:
    '<rect x="3" y="4.500" width="18" height="12" rx="2"/><path d="M8.500 20h7M12 13.500v-5M9.500 10.500 12 8l2.500 2.500"/>',
  screenOff:
    '<rect x="3" y="4.500" width="18" height="12" rx="2"/><path d="M8.500 20h7M10 8.500l4 4M14 8.500l-4 4"/>',
  settings:
    '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
  leave:
    '<path d="M3.500 14.800c-.7-.9-.7-2.200.1-3.100C5.700 9.600 8.700 8.500 12 8.500s6.300 1.100 8.400 3.200c.8.900.8 2.200.1 3.100l-.9 1.100c-.4.500-1.200.7-1.800.3l-2.300-1.300c-.5-.3-.8-.8-.7-1.400l.2-1.500a10 10 0 0 0-6 0l.2 1.500c.1.600-.2 1.100-.7 1.400l-2.300 1.300c-.6.400-1.400.2-1.800-.3z"/>',
};

export function icon(name) {
  return `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${paths[name]}</svg>`;
}
