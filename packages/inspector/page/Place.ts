/** Which view the address shows: the part behind `#`, so that links work behind any path prefix. */
import { useSyncExternalStore } from "react"

/** A view's name, the ids in its address, and its query. */
export interface Place {
  readonly view: string
  readonly id: string | undefined
  readonly query: URLSearchParams
}

const read = (hash: string): Place => {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?")
  const [view = "", id] = path.split("/")
  return {
    view: view === "" ? "runs" : view,
    id: id === undefined || id === "" ? undefined : decodeURIComponent(id),
    query: new URLSearchParams(query)
  }
}

/** The address of a view. */
export const link = (view: string, id?: string, query?: { readonly [name: string]: string | undefined }): string => {
  const given = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, value]]
  )
  const search = new URLSearchParams(given).toString()
  return `#/${view}${id === undefined ? "" : `/${encodeURIComponent(id)}`}${search === "" ? "" : `?${search}`}`
}

/** Shows a view. */
export const go = (to: string): void => {
  location.hash = to
}

const subscribe = (onChange: () => void) => {
  addEventListener("hashchange", onChange)
  return () => removeEventListener("hashchange", onChange)
}

/** The current place. */
export const usePlace = (): Place => read(useSyncExternalStore(subscribe, () => location.hash))
