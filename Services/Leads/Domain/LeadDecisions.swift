import Contracts
import Foundation
import Values

struct LeadContext: Sendable {
    /// When it happened; importers may give a past time.
    var at: Timestamp
    var now: Timestamp
}

enum LeadCommand: Sendable, Hashable {
    case setStatus(LeadStatus, reason: String? = nil)
    case assign(Assignment)
    case addActivity(Activity)
    case grade(Grading)
    case startConversion(saga: UUID)
    case finishConversion(saga: UUID, account: UUID, contact: UUID?, opportunity: UUID?)
    case failConversion(saga: UUID, ConversionRefusal)
}

enum LeadEvent: Sendable, Hashable {
    case statusChanged(from: LeadStatus, to: LeadStatus, reason: String?, at: Timestamp)
    case assigned(Assignment, previousOwner: UUID?)
    case activityAdded(Activity)
    case touched(Touch)
    case graded(Grading, previous: Grade?, points: Int64?)
    case conversionStarted(saga: UUID)
    case converted(saga: UUID, account: UUID, contact: UUID?, opportunity: UUID?, at: Timestamp)
    case conversionFailed(saga: UUID, ConversionRefusal)
}

extension Lead {
    /// - Returns: no event when nothing would change (a repeated command).
    static func decide(
        _ state: Lead, _ command: LeadCommand, _ context: LeadContext
    ) throws(Refusal) -> [LeadEvent] {
        guard context.at <= context.now else {
            throw Refusal(
                .rule, "future", at: "/occurredAt", "occurredAt lies in the future.", zh: "occurredAt 不能晚于现在。")
        }
        switch command {
        case .setStatus(let status, let reason): return try state.setStatus(status, reason, context)
        case .assign(let assignment):
            if assignment.owner == state.ownerID, assignment.team == state.teamID { return [] }
            return [.assigned(assignment, previousOwner: state.ownerID)]
        case .addActivity(let activity): return try state.add(activity)
        case .grade(let grading):
            if grading.grade == state.grade, grading.points == state.points { return [] }
            return [.graded(grading, previous: state.grade, points: state.points)]
        case .startConversion(let saga): return try state.startConversion(saga, context)
        case .finishConversion(let saga, let account, let contact, let opportunity):
            guard state.conversionID == saga else { return [] }
            return [
                .converted(saga: saga, account: account, contact: contact, opportunity: opportunity, at: context.at)
            ]
        case .failConversion(let saga, let refusal):
            return state.conversionID == saga ? [.conversionFailed(saga: saga, refusal)] : []
        }
    }

    static func evolve(_ state: Lead, _ event: LeadEvent) -> Lead {
        var next = state
        switch event {
        case .statusChanged(_, let status, let reason, _):
            next.status = status
            next.disqualifiedReason = status == .disqualified ? reason : nil
        case .assigned(let assignment, _):
            next.ownerID = assignment.owner
            next.teamID = assignment.team
            next.assignmentRuleID = assignment.rule
        case .activityAdded(let activity):
            next.lastActivityAt = max(state.lastActivityAt ?? activity.at, activity.at)
            if activity.kind.isContact { next.firstContactAt = min(state.firstContactAt ?? activity.at, activity.at) }
        case .touched(let touch):
            next.touches += 1
            if touch.at >= state.lastTouchAt {
                next.lastTouchAt = touch.at
                next.lastSource = touch.source ?? state.lastSource
            }
        case .graded(let grading, _, _):
            next.grade = grading.grade
            next.points = grading.points
        case .conversionStarted(let saga): next.conversionID = saga
        case .converted(_, let account, let contact, let opportunity, let time):
            next.status = .converted
            next.conversionID = nil
            next.convertedAt = time
            (next.accountID, next.contactID, next.opportunityID) = (account, contact, opportunity)
        case .conversionFailed: next.conversionID = nil
        }
        return next
    }

    private func setStatus(
        _ new: LeadStatus, _ reason: String?, _ context: LeadContext
    ) throws(Refusal) -> [LeadEvent] {
        if new == status { return [] }
        try checkNotConverting()
        guard status.next.contains(new) else {
            if new == .converted {
                throw Refusal(
                    .state, "useConvert", at: "/status", "Use POST …/convert to convert a lead.", zh: "请使用转化接口。")
            }
            let ways = LeadStatus.allCases.filter(status.next.contains).map(\.rawValue).joined(separator: ", ")
            throw Refusal(
                .state, "statusTransition", at: "/status",
                "A lead that is \(status.rawValue) cannot become \(new.rawValue)"
                    + (ways.isEmpty ? "." : "; possible: \(ways)."),
                zh: "线索不能由 \(status.rawValue) 变为 \(new.rawValue)" + (ways.isEmpty ? "。" : "，可选：\(ways)。"))
        }
        guard new != .disqualified || reason?.contains(where: { !$0.isWhitespace }) == true else {
            throw Refusal(
                .rule, "required", at: "/disqualifiedReason", "Say why the lead is disqualified.", zh: "请填写无效原因。")
        }
        return [.statusChanged(from: status, to: new, reason: reason, at: context.at)]
    }

    private func add(_ activity: Activity) throws(Refusal) -> [LeadEvent] {
        try activity.validate()
        // The first contact is what "contacted" means; nobody should have to say it twice.
        let firstContact = activity.kind.isContact && status == .new && conversionID == nil
        return [.activityAdded(activity)]
            + (firstContact ? [.statusChanged(from: .new, to: .contacted, reason: nil, at: activity.at)] : [])
    }

    /// Refuses a next step that this lead cannot have.
    func checkNextStep(_ step: String?, at time: Timestamp?) throws(Refusal) {
        if step == nextStep, time == nextStepAt { return }
        guard isOpen else {
            throw Refusal(
                .state, "leadClosed", "The lead is \(status.rawValue); it has no next step.", zh: "线索已关闭，无需下一步。")
        }
        guard step != nil || time == nil else {
            throw Refusal(
                .rule, "required", at: "/nextStep", "A due time needs a next step.", zh: "填写到期时间须同时填写下一步。")
        }
    }

    private func startConversion(_ saga: UUID, _ context: LeadContext) throws(Refusal) -> [LeadEvent] {
        if conversionID == saga { return [] }
        try checkNotConverting()
        guard isOpen else {
            throw Refusal(
                .state, status == .converted ? "leadConverted" : "leadClosed",
                "The lead is \(status.rawValue) and cannot be converted.", zh: "线索状态为 \(status.rawValue)，不能转化。")
        }
        // Whoever converts has qualified it; the history should say so.
        let qualified: [LeadEvent] =
            status == .qualified ? [] : [.statusChanged(from: status, to: .qualified, reason: nil, at: context.at)]
        return qualified + [.conversionStarted(saga: saga)]
    }

    /// The saga has the lead until it is done.
    func checkNotConverting() throws(Refusal) {
        guard conversionID == nil else {
            throw Refusal(
                .state, "leadConverting", "The lead is being converted; wait for the result.", zh: "线索正在转化，请等待结果。")
        }
    }
}
