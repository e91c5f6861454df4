import Tenancy

/// Applies events to a service's own tables. Runs inside the transaction that also stores the events' sequence and
/// offset, so its effect happens exactly once. It must not have effects outside that transaction.
public protocol EventHandler: Sendable {
    /// Event types it wants; others are skipped and only counted in their aggregate's sequence.
    var types: Set<String> { get }
    /// What it asks for of the data of its events; `tree` unless it says otherwise.
    var form: DataForm { get }

    /// Applies events of one tenant in their order, with the tenant's role set. May be called again with the same
    /// events after a rollback. Whatever it throws that is not a passing trouble of the database makes the events
    /// be tried one by one; the one that fails alone is parked with its key.
    func apply(_ events: [CloudEvent], in tx: TenantTransaction) async throws
}

extension EventHandler {
    public var form: DataForm { .tree }
}
