import Contracts
import Entities
import Foundation
import JSON
import Postgres
import Resources
import Values

/// The history of stages as it is stored and told.
enum StageHistory {
    static func insert(_ change: StageChange, of opportunity: Opportunity, _ schema: SchemaName) -> SQL {
        """
        insert into \(schema).stage_changes
            (opportunity_id, version, kind, from_stage, to_stage, at, by_id, seconds_spent, reason)
        values (\(opportunity.id), \(opportunity.version), \(change.kind.rawValue), \(change.fromStage),
            \(change.toStage), \(change.at), \(change.by), \(change.spent?.components.seconds), \(change.reason))
        """
    }

    static func select(_ id: UUID, _ schema: SchemaName) -> SQL {
        """
        select kind, from_stage, to_stage, at, by_id, seconds_spent, reason from \(schema).stage_changes
        where opportunity_id = \(id) order by version
        """
    }

    static func json(_ row: Row) throws -> JSON {
        [
            "kind": try row.get(0, as: String.self).json, "fromStage": try row.get(1, as: String?.self).json,
            "toStage": try row.get(2, as: String.self).json, "at": try row.get(3, as: Timestamp.self).json,
            "by": try row.get(4, as: UUID?.self).json, "secondsInStage": try row.get(5, as: Int64?.self).json,
            "reason": try row.get(6, as: String?.self).json,
        ]
    }
}

extension OpportunityEvent {
    var change: StageChange {
        switch self {
        case .moved(let change), .won(let change, _), .lost(let change, _, _, _), .reopened(let change, _),
            .migrated(let change, _, _):
            change
        }
    }

    /// What is told of it.
    var draft: EventDraft {
        switch self {
        case .moved(let change), .migrated(let change, _, _):
            var details = StageMoved()
            (details.fromStage, details.toStage, details.reason) = (change.fromStage, change.toStage, change.reason)
            (details.at, details.by) = (change.at, change.by)
            details.secondsInStage = change.spent?.components.seconds
            return EventDraft("stage-moved", details: details.json.object ?? [:])
        case .won(let change, _):
            var details = OpportunityWon()
            (details.fromStage, details.at, details.by) = (change.fromStage, change.at, change.by)
            return EventDraft("won", details: details.json.object ?? [:])
        case .lost(let change, let reason, let competitor, _):
            var details = OpportunityLost()
            (details.fromStage, details.at, details.by) = (change.fromStage, change.at, change.by)
            (details.reason, details.competitor) = (reason, competitor)
            return EventDraft("lost", details: details.json.object ?? [:])
        case .reopened(let change, let status):
            var details = OpportunityReopened()
            details.fromStatus = status.rawValue
            (details.toStage, details.reason, details.at, details.by) =
                (change.toStage, change.reason, change.at, change.by)
            return EventDraft("reopened", details: details.json.object ?? [:])
        }
    }
}
