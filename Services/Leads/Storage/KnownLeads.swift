import Foundation

/// A lead that may be the same as one that comes in.
struct KnownLead: Sendable {
    let lead: Lead
    let candidate: DuplicateCandidate

    fileprivate init(_ lead: Lead, keys: [MatchKey]) {
        self.lead = lead
        candidate = DuplicateCandidate(
            id: lead.id, keys: Set(keys), status: lead.status, lastTouchAt: lead.lastTouchAt)
    }
}

/// The leads among which duplicates of a batch are looked for, found by their keys: each row of an import looks only at
/// those that share one.
struct KnownLeads: Sendable {
    private var leads: [UUID: KnownLead] = [:]
    private var byKey: [MatchKey: Set<UUID>] = [:]

    init(_ leads: [Lead]) {
        for lead in leads { insert(lead, keys: lead.matchKeys) }
    }

    /// Adds a lead, in place of what was known of it. Keys that it no longer has still lead to it, and match nothing.
    mutating func insert(_ lead: Lead, keys: [MatchKey]) {
        leads[lead.id] = KnownLead(lead, keys: keys)
        for key in keys { byKey[key, default: []].insert(lead.id) }
    }

    /// Those that share a key, in no order.
    func sharing(_ keys: [MatchKey]) -> [KnownLead] {
        guard !leads.isEmpty else { return [] }
        let ids = keys.reduce(into: Set<UUID>()) { $0.formUnion(byKey[$1] ?? []) }
        return ids.compactMap { leads[$0] }
    }
}
