/**
 * Who a request is from. `tenant` decides what it may see: runs, threads and approvals of one tenant do not exist for another.
 */
export interface Principal {
  readonly tenant: string
  /** Who acts for the tenant; stands on decisions that name nobody. Absent: unknown. */
  readonly name?: string | undefined
}
