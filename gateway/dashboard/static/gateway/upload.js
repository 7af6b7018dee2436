// One file on its way to the server.

/**
 * Send a file; returns what stops it. `on` has `progress(part)`, `done(attachment)` and
 * `failed(sentence)`, of which one of the last two is called, unless it was stopped.
 */
export function upload(file, query, on) {
  const request = new XMLHttpRequest();
  request.open("POST", `/media/?${new URLSearchParams({ name: file.name, ...query })}`);
  request.setRequestHeader("content-type", file.type || "application/octet-stream");
  request.upload.onprogress = (event) => event.lengthComputable && on.progress(event.loaded / event.total);
  request.onload = () => finish(request, on);
  request.onerror = () => on.failed("The file did not get through. It may be too large, or the connection broke.");
  request.send(file);
  return () => request.abort();
}

function finish(request, on) {
  let answer = null;
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    // Whoever stands before the server may answer in its place.
  }
  if (request.status === 201 && answer !== null) return on.done(answer);
  return on.failed(answer?.detail ?? (request.status === 413 ? "The file is too large." : `The file was refused (${request.status}).`));
}
