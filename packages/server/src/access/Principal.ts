/**
 * Who a request is from. `tenant` decides what is visible: runs, threads and approvals of one tenant do not exist for
 * another.
 */
export interface Principal {
  readonly tenant: string
  /** Who acts for the tenant; recorded on decisions that name nobody. Absent: unknown. */
  readonly name?: string | undefined
}
