// Calls of this service from its own pages.

const csrfToken = document.querySelector('meta[name="csrf-token"]').content;

/** An answer that is not 2xx. `status` is 0 when there was no answer at all. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? "");
    this.status = status;
    this.problem = problem;
  }

  /** Whether the session ended, or another one began after this page was loaded. */
  get isSignedOut() {
    return this.status === 401 || this.problem?.type === "urn:shouhou:csrf";
  }

  /** For the person who sees it. */
  get told() {
    if (this.status === 0) return "连不上服务，请检查网络后再试。";
    if (this.isSignedOut) return "登录已失效，请重新登录。";
    if (this.status === 403) return "这把密钥没有这项权限。";
    if (this.status === 413) return "内容太长了。";
    if (this.status === 429) return "请求太频繁，请稍等再试。";
    if (this.status === 503) return "数据库暂时没有响应，请稍后再试。";
    if (this.status === 422) return "内容有误，请检查后再试。";
    return `服务出错（${this.status}），请稍后再试。`;
  }
}

/**
 * POST a JSON body; the JSON answer, or null where there is none.
 * @throws {ApiError} and, when `signal` aborts, AbortError.
 */
export async function post(path, body, { headers = {}, signal } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrfToken, ...headers },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0);
  }
  const isJson = (answer.headers.get("Content-Type") ?? "").includes("json");
  const content = isJson ? await answer.json() : null;
  if (!answer.ok) throw new ApiError(answer.status, content);
  return content;
}

/** The way back here through /sign-in. */
export function signInAddress() {
  return `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
}
