// Bytes as base64 text and back.

export function base64Of(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

export function bytesOf(text, Type = Uint8Array) {
  return Type.from(atob(text), (c) => c.charCodeAt(0));
}
