/**
 * Who a request is from. `tenant` decides what is visible: runs, threads and approvals of one tenant do not exist for
 * another.
 */
export interface Principal {
  readonly tenant: string
  /** Who acts for the tenant; recorded on their decisions and grants, whomever a request names. Absent: nobody is named. */
  readonly name?: string | undefined
}
