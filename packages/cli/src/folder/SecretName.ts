/**
 * Which names are of secrets: files that hold keys and passwords by convention. The assistant's tools neither list, read,
 * search nor write them. Pure; by the name alone, since reading a file to find out would be reading it.
 */

/** Folders whose whole content is secret, or is kept by a tool for itself. */
const folders = new Set([
  ".aws",
  ".azure",
  ".docker",
  ".git",
  ".gnupg",
  ".kube",
  ".password-store",
  ".reins",
  ".ssh",
  ".terraform"
])

const files = new Set([
  ".dockercfg",
  ".envrc",
  ".git-credentials",
  ".htpasswd",
  ".my.cnf",
  ".netrc",
  ".npmrc",
  ".pgpass",
  ".pypirc",
  ".terraformrc",
  ".vault-token",
  ".yarnrc.yml",
  "_netrc",
  "auth.json",
  "credentials",
  "credentials.csv",
  "credentials.ini",
  "credentials.json",
  "credentials.toml",
  "credentials.yaml",
  "credentials.yml",
  "kubeconfig",
  "terraform.tfstate",
  "terraform.tfstate.backup"
])

const endings = /\.(pem|key|p12|pfx|p8|pk8|ppk|jks|keystore|kdbx?|gpg|tfvars|tfvars\.json|ovpn|mobileprovision)$/

const patterns: ReadonlyArray<RegExp> = [
  // `.env` and its variants; examples of them hold no secret.
  /^\.env(\.(?!(example|sample|template|dist|defaults)$).*)?$/,
  /\.env$/,
  /^id_(rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk)(\..*)?$/,
  /^(client[-_]?)?secrets?\.(json|ya?ml|toml|ini|txt|env|properties)$/,
  /^service[-_]?account.*\.json$/,
  /^.*[-_.]credentials?\.(json|ya?ml|ini)$/
]

/**
 * How file systems fold a name: compatibility forms of letters, no case, nothing invisible, and no dots, spaces or stream names at
 * its end, which Windows ignores.
 */
const folded = (name: string): string =>
  name
    .normalize("NFKC")
    .replace(/[\p{Cf}\p{Cc}\ufe00-\ufe0f]/gu, "")
    .toLowerCase()
    .replace(/(::?\$?[^:]*)$/, "")
    .replace(/(?<=.)[. ]+$/, "")

/** The name of the file that an editor or a person made this copy of: `.env~`, `..env.swp`, `#.env#`, `server.key.bak`. */
const originalOf = (name: string): string => {
  const swap = /^\.(.+)\.sw[a-p]$/.exec(name)?.[1]
  return swap ?? name.replace(/^\.?#(.+?)#?$/, "$1").replace(/(~|\.(bak|backup|old|orig|save|swp))$/, "")
}

const isSecretFolder = (name: string): boolean => folders.has(folded(name))

/** Whether the path from the root names a secret, or lies in a folder of secrets. */
export const isSecret = (path: ReadonlyArray<string>): boolean => {
  if (path.some(isSecretFolder)) return true
  const name = folded(path.at(-1) ?? "")
  return [name, originalOf(name)].some(
    (each) => files.has(each) || endings.test(each) || patterns.some((pattern) => pattern.test(each))
  )
}
