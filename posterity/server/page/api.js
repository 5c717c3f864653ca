// The server's own interface, the same that programs use (/docs). All that the page shows is of one version, the champion,
// also where a challenger answers some of the questions.

const TOKEN = "posterity-token";

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function ask(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { accept: "application/json", "posterity-alias": "champion", ...(token ? { authorization: `Bearer ${token}` } : {}), ...options.headers };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "away", "the server does not answer; try again in a moment");
  }
  const said = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, said.code, said.error);
  return said;
}

export const get = (path) => ask(path);
export const post = (path, body) =>
  ask(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });

// A token lives as long as the tab.
export const keepToken = (text) => sessionStorage.setItem(TOKEN, text);
