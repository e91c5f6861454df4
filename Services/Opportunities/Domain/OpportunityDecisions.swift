import Foundation
import Values

/// Who acts, when, and on which pipeline: everything a decision may know besides the opportunity.
struct OpportunityContext: Sendable {
    /// The pipeline version on which the opportunity is.
    var pipeline: Pipeline
    var actor: UUID?
    /// When it happened; importers may give a past time.
    var at: Timestamp
    var now: Timestamp
}

enum OpportunityCommand: Sendable, Hashable {
    case move(stage: String, reason: String? = nil)
    /// `amount` replaces the expected one by the signed one.
    case win(amount: Money? = nil)
    /// - Parameter nurtureOn: the day to come back to it.
    case lose(reason: String, competitor: String? = nil, nurtureOn: CalendarDate? = nil)
    /// nil = back to the stage in which it was closed, or the one before signing.
    case reopen(stage: String? = nil, reason: String? = nil)
    /// Goes over to another version or pipeline; stages without an entry keep their key.
    case migrate(to: Pipeline, mapping: [String: String])
}

enum OpportunityEvent: Sendable, Hashable {
    case moved(StageChange)
    case won(StageChange, amount: Money?)
    case lost(StageChange, reason: String, competitor: String?, nurtureOn: CalendarDate?)
    case reopened(StageChange, from: Opportunity.Status)
    case migrated(StageChange, pipelineID: UUID, pipelineVersion: Int)
}

extension Opportunity {
    /// Moves, wins, loses, reopens: pure, and the same for every caller.
    ///
    /// - Returns: no event when nothing would change (a repeated command).
    static func decide(
        _ state: Opportunity, _ command: OpportunityCommand, _ context: OpportunityContext
    ) throws(Refusal) -> [OpportunityEvent] {
        let context = try state.inOrder(context)
        switch command {
        case .move(let stage, let reason): return try state.move(to: stage, reason: reason, context)
        case .win(let amount): return try state.win(amount: amount, context)
        case .lose(let reason, let competitor, let day): return try state.lose(reason, competitor, day, context)
        case .reopen(let stage, let reason): return try state.reopen(stage: stage, reason: reason, context)
        case .migrate(let pipeline, let mapping): return try state.migrate(to: pipeline, mapping, context)
        }
    }

    static func evolve(_ state: Opportunity, _ event: OpportunityEvent) -> Opportunity {
        var next = state
        func enter(_ change: StageChange) {
            next.stage = change.toStage
            next.stageEnteredAt = change.at
        }
        switch event {
        case .moved(let change): enter(change)
        case .won(let change, let amount):
            enter(change)
            next.status = .won
            next.closedAt = change.at
            next.amount = amount ?? next.amount
        case .lost(let change, let reason, let competitor, let nurtureOn):
            // The stage stays: it says how far the lost deal had come, and since when.
            next.status = .lost
            next.closedAt = change.at
            next.lostReason = reason
            next.competitor = competitor ?? next.competitor
            next.nurtureOn = nurtureOn
        case .reopened(let change, _):
            enter(change)
            next.status = .open
            next.closedAt = nil
            next.lostReason = nil
            next.nurtureOn = nil
        case .migrated(let change, let pipelineID, let version):
            // Time in the stage goes on: a new version of the pipeline is no progress.
            next.stage = change.toStage
            next.pipelineID = pipelineID
            next.pipelineVersion = version
        }
        return next
    }

    private func move(
        to key: String, reason: String?, _ context: OpportunityContext
    ) throws(Refusal) -> [OpportunityEvent] {
        let target = try stage(key, in: context.pipeline)
        try checkOpen()
        if target.isSigned { return try win(amount: nil, reason: reason, context) }
        if key == stage { return [] }
        return [.moved(change(.moved, to: key, context, reason: reason))]
    }

    private func win(
        amount: Money?, reason: String? = nil, _ context: OpportunityContext
    ) throws(Refusal) -> [OpportunityEvent] {
        if status == .won, amount == nil || amount == self.amount { return [] }
        try checkOpen()
        guard let signed = context.pipeline.signed else { return [] }
        return [.won(change(.won, to: signed.key, context, reason: reason), amount: amount)]
    }

    private func lose(
        _ reason: String, _ competitor: String?, _ nurtureOn: CalendarDate?, _ context: OpportunityContext
    ) throws(Refusal) -> [OpportunityEvent] {
        guard reason.contains(where: { !$0.isWhitespace }) else {
            throw Refusal(.rule, "required", at: "/reason", "Say why it was lost.", zh: "请填写丢单原因。")
        }
        if status == .lost, reason == lostReason { return [] }
        try checkOpen()
        let change = change(.lost, to: stage, context, reason: reason)
        return [.lost(change, reason: reason, competitor: competitor, nurtureOn: nurtureOn)]
    }

    private func reopen(
        stage key: String?, reason: String?, _ context: OpportunityContext
    ) throws(Refusal) -> [OpportunityEvent] {
        guard status != .open else {
            throw Refusal(.state, "opportunityOpen", "The opportunity is open already.", zh: "商机未关闭，无需重新打开。")
        }
        let stages = context.pipeline.stages
        let back = key ?? (status == .won ? stages.dropLast().last?.key : nil) ?? stage
        let target = try stage(back, in: context.pipeline)
        guard !target.isSigned else {
            throw Refusal(
                .rule, "signedStage", at: "/stage", "Reopen it in a stage before signing.", zh: "请选择签单之前的阶段重新打开。")
        }
        return [.reopened(change(.reopened, to: back, context, reason: reason), from: status)]
    }

    private func migrate(
        to pipeline: Pipeline, _ mapping: [String: String], _ context: OpportunityContext
    ) throws(Refusal) -> [OpportunityEvent] {
        if pipeline.id == pipelineID, pipeline.version == pipelineVersion { return [] }
        try checkOpen()
        let target = try stage(mapping[stage] ?? stage, in: pipeline)
        guard !target.isSigned else {
            throw Refusal(
                .rule, "signedStage", at: "/mapping/\(stage)",
                "Open opportunities cannot be mapped to the signed stage.",
                zh: "未关闭的商机不能映射到签单阶段。")
        }
        let change = change(.migrated, to: target.key, context)
        return [.migrated(change, pipelineID: pipeline.id, pipelineVersion: pipeline.version)]
    }

    private func change(
        _ kind: StageChange.Kind, to key: String, _ context: OpportunityContext, reason: String? = nil
    ) -> StageChange {
        StageChange(
            kind: kind, fromStage: stage, toStage: key, at: context.at, by: context.actor,
            spent: context.at - (kind == .reopened ? closedAt ?? stageEnteredAt : stageEnteredAt), reason: reason)
    }

    private func stage(_ key: String, in pipeline: Pipeline) throws(Refusal) -> Stage {
        guard let stage = pipeline[key] else {
            let keys = pipeline.stages.map(\.key).joined(separator: ", ")
            throw Refusal(
                .rule, "unknownStage", at: "/stage",
                "The pipeline \(pipeline.name) has no stage \(key); it has \(keys).",
                zh: "流程“\(pipeline.name)”没有阶段 \(key)，可选：\(keys)。")
        }
        return stage
    }

    private func checkOpen() throws(Refusal) {
        guard status == .open else {
            throw Refusal(
                .state, "opportunityClosed", "The opportunity is \(status.rawValue); reopen it first.",
                zh: "商机已关闭，请先重新打开。")
        }
    }

    /// History must stay in order: nothing before the last change, nothing in the future.
    ///
    /// What happens now happens after the last change, also when a clock that was ahead told of that one.
    private func inOrder(_ context: OpportunityContext) throws(Refusal) -> OpportunityContext {
        let last = max(stageEnteredAt, closedAt ?? stageEnteredAt)
        guard context.at <= context.now else {
            throw Refusal(
                .rule, "future", at: "/occurredAt", "occurredAt lies in the future.", zh: "occurredAt 不能晚于现在。")
        }
        if context.at >= last { return context }
        guard context.at == context.now else {
            throw Refusal(
                .rule, "beforeLastChange", at: "/occurredAt",
                "occurredAt lies before the last change of stage (\(last)).",
                zh: "occurredAt 早于上一次阶段变更（\(last)）。")
        }
        var later = context
        later.at = last
        return later
    }
}
