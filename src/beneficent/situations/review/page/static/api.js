// Talking to the server. A change carries this page's token; a server that was started again gives a new one.

const meta = document.querySelector('meta[name="csrf"]');

export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem(0, "The server does not answer; is 'beneficent situations review' still running?");
  }
  const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw new Problem(response.status, answer.error);
  return answer;
}

export const get = (path) => call(path, {});

const pathOf = (id) => id.split("/").map(encodeURIComponent).join("/");

export const situation = (id) => get(`/api/situations/${pathOf(id)}`);

// act("accept", id, {role, digest}): score, accept, reject or edit.
export async function act(name, id, body) {
  const send = () =>
    call(`/api/${name}/${pathOf(id)}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": meta.content },
      body: JSON.stringify(body),
    });
  try {
    return await send();
  } catch (problem) {
    if (problem.status !== 403) throw problem;
    meta.content = (await get("/api/session")).csrf;
    return send();
  }
}
