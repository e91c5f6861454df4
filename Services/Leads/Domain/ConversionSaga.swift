import Contracts
import Foundation
import Values

/// Turning a lead into customer, contact and opportunity, across three services, once.
///
/// The stored state is all there is: after a crash `nextAction` says how to go on. Each command carries the saga's id,
/// so that a service that has done it answers the same again. A step refused for good turns the saga round: every service
/// that was asked is told so, newest first, and archives what nobody else has; then the lead is qualified again with the
/// reason.
struct ConversionSaga: Sendable, Hashable {
    enum Step: String, Sendable, Hashable, CaseIterable { case account, contact, opportunity }

    enum Phase: String, Sendable, Hashable { case running, compensating, completed, failed }

    struct Result: Sendable, Hashable {
        var id: UUID
        /// false = it was there before.
        var isMade: Bool
        /// Its version when the saga left it.
        var version: Int64
    }

    let id: UUID
    let leadID: UUID
    /// In order; a lead without person, phone and e-mail has no contact, a caller may want no opportunity.
    let steps: [Step]
    private(set) var phase = Phase.running
    private(set) var results: [Step: Result] = [:]
    private(set) var undone: Set<Step> = []
    private(set) var refusal: ConversionRefusal?
    /// Failed tries of the current action in a row.
    private(set) var attempts = 0

    init(id: UUID, leadID: UUID, wantsContact: Bool, wantsOpportunity: Bool) {
        self.id = id
        self.leadID = leadID
        steps = [.account] + (wantsContact ? [.contact] : []) + (wantsOpportunity ? [.opportunity] : [])
    }

    /// One that was stored, as it was: nothing is decided anew.
    init(
        id: UUID, leadID: UUID, wantsContact: Bool, wantsOpportunity: Bool, phase: Phase, results: [Step: Result],
        undone: Set<Step>, refusal: ConversionRefusal?, attempts: Int
    ) {
        self.init(id: id, leadID: leadID, wantsContact: wantsContact, wantsOpportunity: wantsOpportunity)
        (self.phase, self.results, self.undone) = (phase, results, undone)
        (self.refusal, self.attempts) = (refusal, attempts)
    }

    /// What to do now.
    enum Action: Sendable, Hashable {
        /// Ask the step's service, which does it once.
        case perform(Step)
        /// Tell the step's service that it is taken back, whatever it answered: it knows what it made, and whether what
        /// it found was made by another saga that was taken back and waits for this one.
        case undo(Step)
        /// Mark the lead converted with the links.
        case finish(account: UUID, contact: UUID?, opportunity: UUID?)
        /// Return the lead to qualified with the reason.
        case giveUp(ConversionRefusal)
    }

    enum Event: Sendable, Hashable {
        case done(Step, Result)
        /// The service refused for good (4xx): no use in asking again.
        case refused(Step, ConversionRefusal)
        /// Time-out, connection, 5xx: nobody knows whether it happened; the same command is sent again.
        case delayed
        case undid(Step)
        /// The lead was updated; nothing is left to do.
        case closed
    }

    /// nil when the saga is over.
    var nextAction: Action? {
        switch phase {
        case .completed, .failed: return nil
        case .running:
            if let step = steps.first(where: { results[$0] == nil }) { return .perform(step) }
            guard let account = results[.account] else { return nil }
            return .finish(account: account.id, contact: results[.contact]?.id, opportunity: results[.opportunity]?.id)
        case .compensating:
            // The one refused was asked, too: it may have been done by a try whose answer nobody heard.
            let asked = steps.prefix(steps.prefix { results[$0] != nil }.count + 1)
            if let step = asked.last(where: { !undone.contains($0) }) { return .undo(step) }
            return .giveUp(refusal ?? .unexplained)
        }
    }

    /// Pause before the same action is tried again: 0.2 s, doubling, at most a minute.
    var pause: Duration { attempts == 0 ? .zero : min(.seconds(60), .milliseconds(100 << min(attempts, 10))) }

    /// Late and repeated events change nothing: a step's first result stands.
    static func evolve(_ state: ConversionSaga, _ event: Event) -> ConversionSaga {
        var next = state
        switch (event, state.phase) {
        case (.done(let step, let result), .running) where state.isNext(step):
            next.results[step] = result
            next.attempts = 0
        case (.done(let step, let result), .compensating) where state.results[step] == nil:
            // An answer that came after the saga had turned round: made, so to be undone.
            next.results[step] = result
        case (.refused(let step, let refusal), .running) where state.isNext(step):
            next.phase = .compensating
            next.refusal = refusal
            next.attempts = 0
        case (.undid(let step), .compensating):
            next.undone.insert(step)
            next.attempts = 0
        case (.delayed, .running), (.delayed, .compensating): next.attempts += 1
        case (.closed, .running):
            if case .finish = state.nextAction { next.phase = .completed }
        case (.closed, .compensating):
            if case .giveUp = state.nextAction { next.phase = .failed }
        default: break
        }
        return next
    }

    private func isNext(_ step: Step) -> Bool { steps.first { results[$0] == nil } == step }
}

extension ConversionRefusal {
    /// Of a service that gave no reason.
    static let unexplained = ConversionRefusal(en: "No reason was given.", zh: "未说明原因。")
}
