import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Values

extension LeadEvent {
    /// What is told of it.
    func draft(_ context: WriteContext) -> EventDraft {
        let by = context.principal.subjectID
        switch self {
        case .statusChanged(let from, let to, let reason, let time):
            var details = LeadStatusChanged()
            (details.fromStatus, details.toStatus, details.reason) = (from.rawValue, to.rawValue, reason)
            (details.at, details.by) = (time, by)
            return EventDraft("status-changed", details: details.json.object ?? [:])
        case .assigned(let assignment, let previous):
            var details = LeadAssigned()
            (details.ruleId, details.ruleName, details.reasons) = (assignment.rule, assignment.ruleName, assignment.why)
            (details.fromOwnerId, details.by) = (previous, by)
            return EventDraft("assigned", details: details.json.object ?? [:])
        case .activityAdded(let activity):
            return EventDraft("activity-added", details: activity.details.json.object ?? [:])
        case .touched(let touch):
            var details = LeadTouched()
            (details.source, details.product, details.need, details.at) =
                (touch.source, touch.product, touch.need, touch.at)
            return EventDraft("touched", details: details.json.object ?? [:])
        case .graded(let grading, let previous, let points):
            var details = LeadGraded()
            (details.fromGrade, details.fromPoints) = (previous?.rawValue, points)
            details.reasons = grading.reasons.map(\.rule)
            return EventDraft("graded", details: details.json.object ?? [:])
        case .conversionStarted(let saga): return .conversionStarted(saga, steps: [])
        case .converted(let saga, let account, let contact, let opportunity, let time):
            return EventDraft(
                "converted",
                details: [
                    "conversionId": saga.json, "accountId": account.json, "contactId": contact.json,
                    "opportunityId": opportunity.json, "at": time.json, "by": by.json,
                ])
        case .conversionFailed(let saga, let refusal):
            var details = LeadConversionFailed()
            (details.conversionId, details.reason, details.refusal) = (saga, refusal.en, refusal)
            return EventDraft("conversion-failed", details: details.json.object ?? [:])
        }
    }
}

extension EventDraft {
    /// A lead's conversion began: what it will make, in order.
    static func conversionStarted(_ saga: UUID, steps: [ConversionSaga.Step]) -> EventDraft {
        var details = LeadConversionStarted()
        details.conversionId = saga
        details.steps = steps.map(\.rawValue)
        return EventDraft("conversion-started", details: details.json.object ?? [:])
    }
}
