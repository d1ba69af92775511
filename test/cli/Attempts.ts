/** Attempts to leave a folder, to read secrets, and to write where nobody should: what a hostile model would try. */
import { mkdirSync, linkSync, symlinkSync, writeFileSync, mkdtempSync, realpathSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"

/** The content that nobody may get to see, and that must stay as it is. */
export const secret = "the-secret-of-the-test"

/** A folder under siege: everything beside it, and everything that links lead to, is secret. */
export interface Besieged {
  readonly root: string
  readonly outside: string
}

const put = (file: string, content = secret) => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

/** Files in the folder that hold secrets by their names. */
const secrets: ReadonlyArray<string> = [
  ".env",
  ".env.local",
  ".env.production",
  ".ENV",
  "sub/.env",
  "prod.env",
  ".envrc",
  ".netrc",
  ".npmrc",
  ".pypirc",
  ".pgpass",
  ".my.cnf",
  ".htpasswd",
  ".git-credentials",
  ".vault-token",
  ".git/config",
  ".git/HEAD",
  "sub/.git/config",
  ".GIT/config",
  ".ssh/id_rsa",
  ".ssh/config",
  ".aws/credentials",
  ".aws/config",
  ".kube/config",
  ".docker/config.json",
  ".gnupg/secring.gpg",
  ".azure/token",
  ".reins/runs.db",
  "id_rsa",
  "id_ed25519",
  "ID_ECDSA",
  "keys/id_dsa.bak",
  "server.key",
  "tls/server.pem",
  "cert.p12",
  "cert.PFX",
  "store.jks",
  "app.keystore",
  "vault.kdbx",
  "login.ppk",
  "credentials",
  "credentials.json",
  "aws-credentials.json",
  "secrets.yaml",
  "secret.json",
  "client_secret.json",
  "service-account.json",
  "service_account_prod.json",
  "terraform.tfstate",
  "prod.tfvars",
  "auth.json",
  "kubeconfig"
]

/** Builds the folder, with links of every kind that lead out of it. */
export const besiege = (): Besieged => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "reins siege ")))
  const [root, outside] = [join(base, "folder"), join(base, "outside")]
  put(join(root, "inside.txt"), "inside")
  put(join(root, "sub", "deep.txt"), "deep")
  put(join(outside, "notes.txt"))
  put(join(outside, "sub", "notes.txt"))
  // Its path begins like that of the folder.
  put(join(base, "folder-beside", "notes.txt"))
  for (const name of secrets) put(join(root, name))
  const link = (target: string, name: string) => symlinkSync(target, join(root, name))
  link(join(outside, "notes.txt"), "file-out")
  link("../outside/notes.txt", "relative-out")
  link(outside, "folder-out")
  link("../outside", "relative-folder-out")
  link("folder-out", "chain")
  link("chain/sub", "longer-chain")
  link("..", "parent")
  link("/", "system")
  link("loop-b", "loop-a")
  link("loop-a", "loop-b")
  link(".env", "innocent.txt")
  link(".git", "harmless")
  link("/proc/self/environ", "environment")
  link("/proc/self/root", "process-root")
  link("/dev/stdin", "input")
  symlinkSync("../../outside/notes.txt", join(root, "sub", "out"))
  symlinkSync(".", join(root, "sub", "here"))
  linkSync(join(outside, "notes.txt"), join(root, "hard"))
  execFileSync("mkfifo", [join(root, "pipe")])
  return { root, outside }
}

/** Paths that lead out of the folder, in every spelling. */
const outward = ({ outside, root }: Besieged): ReadonlyArray<string> => {
  const up = "../outside"
  return [
    `${up}/notes.txt`,
    `./${up}/notes.txt`,
    `sub/../${up}/notes.txt`,
    `sub/./../../outside/notes.txt`,
    `sub//..//..//outside//notes.txt`,
    `./././${up}/notes.txt`,
    `missing/../../outside/notes.txt`,
    `inside.txt/../../outside/notes.txt`,
    `sub/here/../../../outside/notes.txt`,
    `../folder/../outside/notes.txt`,
    `../folder-beside/notes.txt`,
    `${root}-beside/notes.txt`,
    `${root}/../outside/notes.txt`,
    `${root}/../../${basename(dirname(root))}/outside/notes.txt`,
    `${outside}/notes.txt`,
    `/${outside}/notes.txt`,
    `//${outside}/notes.txt`,
    `${outside}/../outside/notes.txt`,
    `file://${outside}/notes.txt`,
    `FILE:${outside}/notes.txt`,
    `~/../outside/notes.txt`,
    "~/.ssh/id_rsa",
    "~root/.ssh/id_rsa",
    "$HOME/.ssh/id_rsa",
    "${HOME}/.aws/credentials",
    "%2e%2e/outside/notes.txt",
    "%2e%2e%2foutside%2fnotes.txt",
    "..%2foutside%2fnotes.txt",
    "..%252foutside%252fnotes.txt",
    "%252e%252e/outside/notes.txt",
    "..%c0%afoutside%c0%afnotes.txt",
    "..%00/outside/notes.txt",
    "..\\outside\\notes.txt",
    "..\\..\\outside\\notes.txt",
    "sub\\..\\..\\outside\\notes.txt",
    "....//outside/notes.txt",
    "..../outside/notes.txt",
    "..;/outside/notes.txt",
    ".. /outside/notes.txt",
    "../ outside/notes.txt",
    "\u2025/outside/notes.txt",
    "\uff0e\uff0e/outside/notes.txt",
    "\uff0e\uff0e\uff0foutside\uff0fnotes.txt",
    "..\u2215outside\u2215notes.txt",
    ".\u200b./outside/notes.txt",
    "\u202e../outside/notes.txt",
    "../outside/notes.txt\0.md",
    "inside.txt\0/../../outside/notes.txt",
    "\0",
    `${"../".repeat(40)}${outside.slice(1)}/notes.txt`,
    `${"sub/../".repeat(200)}../outside/notes.txt`,
    "\\\\?\\C:\\notes.txt",
    "C:\\notes.txt",
    "/etc/passwd",
    "/etc/shadow",
    "/proc/self/environ",
    "/proc/self/cmdline",
    `/proc/self/${"root"}/etc/passwd`,
    "/proc/self/cwd/../outside/notes.txt",
    "/proc/1/environ",
    "/dev/stdin",
    "/dev/zero",
    "/dev/fd/0",
    "..",
    "../",
    "/",
    "sub/../..",
    "file-out",
    "relative-out",
    "folder-out/notes.txt",
    "folder-out/sub/notes.txt",
    "folder-out/../outside/notes.txt",
    "relative-folder-out/notes.txt",
    "chain/notes.txt",
    "longer-chain/notes.txt",
    "parent/outside/notes.txt",
    "parent/folder/parent/outside/notes.txt",
    `system${outside}/notes.txt`,
    `process-root${outside}/notes.txt`,
    "environment",
    "input",
    "loop-a",
    "loop-a/notes.txt",
    "innocent.txt",
    "harmless/config",
    "sub/out",
    "sub/here/here/out",
    "hard",
    "pipe"
  ]
}

/** Spellings of secrets that a careless comparison misses. */
const disguised: ReadonlyArray<string> = [
  "./.env",
  "sub/../.env",
  "sub/../.git/config",
  ".git/./config",
  ".Git/config",
  ".git/../.git/config",
  ".env\u200b",
  ".e\u200bnv",
  "\uff0eenv",
  ".\uff45nv",
  ".env.",
  ".env ",
  ".env::$DATA",
  ".env:stream",
  ".git /config",
  ".git./config",
  "SERVER.KEY",
  "server.key.",
  "Id_Rsa"
]

/** Everything that is tried to be read. */
export const toRead = (besieged: Besieged): ReadonlyArray<string> => [...outward(besieged), ...secrets, ...disguised]

/** Everything that is tried to be written, each also over what is there. */
export const toWrite = (besieged: Besieged): ReadonlyArray<string> => [
  ...outward(besieged).filter((path) => !made.test(path)),
  ...secrets,
  ...disguised,
  ".git/hooks/pre-commit",
  ".git/config.new",
  "node_modules/a/index.js",
  "dist/a.js",
  ".reins/.gitignore",
  ".ssh/authorized_keys"
]

/** Odd names that mean a file of that name in the folder: they may be written there. */
const made =
  /^folder-out\/\.\.|%|\\|~|\$|;|:|\u2025|\uff0e|\u2215|\u200b|\u202e|^\.\.\.\.|^\.\. \/|^hard$|^(FILE|file):/
