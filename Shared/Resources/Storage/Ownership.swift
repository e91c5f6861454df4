import Foundation
import HTTP
import Postgres

/// Who owns a record, and so who sees it.
public struct Ownership<Record: Sendable>: Sendable {
    /// The columns are `owner_id` and `team_id`.
    public let owner: @Sendable (Record) -> UUID?
    public let team: @Sendable (Record) -> UUID?

    public init(
        owner: @escaping @Sendable (Record) -> UUID?, team: @escaping @Sendable (Record) -> UUID?
    ) {
        self.owner = owner
        self.team = team
    }

    /// Whether the principal may see the record.
    public func admits(_ principal: Principal, _ record: Record) -> Bool {
        switch principal.visibility {
        case .all: return true
        case .own: return owner(record) != nil && owner(record) == principal.subjectID
        case .team, .subtree:
            if let owner = owner(record), owner == principal.subjectID { return true }
            return team(record).map(principal.teamIDs.contains) ?? false
        }
    }
}

extension Principal {
    /// The condition that lets through what the principal sees; nil when that is everything.
    public var ownershipCondition: SQL? {
        switch visibility {
        case .all: nil
        case .own: "owner_id = \(subjectID)"
        case .team, .subtree: "(owner_id = \(subjectID) or team_id = any(\(teamIDs)))"
        }
    }
}
