import Foundation
import Values

/// An aggregate as a consumer knows it.
struct InboxKey: Sendable, Hashable {
    var tenant: String
    var aggregate: String
}

/// A record and the event read from it, or why none could be.
struct ReceivedEvent: Sendable {
    let stored: StoredRecord
    let event: CloudEvent?
    let problem: String?
    let key: InboxKey
    let sequence: Int64

    /// - Parameter form: what is asked for of the data of events of a type.
    init(_ stored: StoredRecord, form: (String) -> DataForm) {
        do throws(CloudEventError) {
            let event = try CloudEvent(stored.record, form: form)
            self.init(stored, event: event, problem: nil)
        } catch {
            // Where only the body is broken the headers still say which aggregate has to wait.
            let head = try? CloudEvent(stored.record) { _ in .nothing }
            self.init(stored, event: head, problem: error.description)
        }
    }

    private init(_ stored: StoredRecord, event: CloudEvent?, problem: String?) {
        self.stored = stored
        self.event = event
        self.problem = problem
        key = InboxKey(tenant: event?.tenant.text ?? "", aggregate: event?.subject ?? stored.record.key)
        sequence = event?.sequence ?? 0
    }
}

/// What the inbox knows of an aggregate before a batch.
struct InboxState: Sendable, Hashable {
    /// Sequence of the last event that was done with; `nil` when none was.
    var last: Int64?
    /// One of its events is poison.
    var isPoisoned = false
    /// Events of it are parked, for whatever reason.
    var hasParked = false
}

/// Why an event is put aside.
enum ParkState: String, Sendable {
    case poison, gap, waiting
}

/// What is to be done with each event of a batch: decided without I/O.
struct InboxPlan: Sendable {
    enum Decision: Sendable, Equatable {
        case apply
        /// It was done before.
        case skip
        case park(ParkState, reason: String)
    }

    private(set) var decisions: [Decision] = []
    /// The new last sequence of every aggregate that moved on.
    private(set) var sequences: [InboxKey: Int64] = [:]
    /// Aggregates with parked events of which the first may have become applicable.
    private(set) var unblocked: Set<InboxKey> = []

    /// - Parameters:
    ///   - states: of every aggregate in the batch; a missing one was never seen.
    ///   - poison: why the batch's only event is poison, when that is known.
    ///   - acceptsMidway: whether the first event seen of an aggregate may have any sequence, because the consumer
    ///     does not read from the beginning of time.
    init(
        _ events: some Collection<ReceivedEvent>, states: [InboxKey: InboxState], poison: String? = nil,
        acceptsMidway: Bool = false
    ) {
        var states = states
        for event in events {
            var state = states[event.key] ?? InboxState()
            let decision = Self.decide(event, state, poison: poison, acceptsMidway: acceptsMidway)
            switch decision {
            case .apply:
                state.last = event.sequence
                sequences[event.key] = event.sequence
            case .park(let why, _):
                state.hasParked = true
                if why == .poison, event.sequence > 0 { state.isPoisoned = true }
            case .skip:
                break
            }
            if state.hasParked, !state.isPoisoned, decision != .skip { unblocked.insert(event.key) }
            if state.isPoisoned { unblocked.remove(event.key) }
            states[event.key] = state
            decisions.append(decision)
        }
    }

    private static func decide(
        _ event: ReceivedEvent, _ state: InboxState, poison: String?, acceptsMidway: Bool
    ) -> Decision {
        guard event.event != nil else { return .park(.poison, reason: event.problem ?? "unreadable") }
        if let last = state.last, event.sequence <= last { return .skip }
        if state.isPoisoned { return .park(.waiting, reason: "an earlier event of \(event.key.aggregate) is parked") }
        let expected = state.last.map { $0 + 1 } ?? (acceptsMidway && !state.hasParked ? event.sequence : 1)
        guard event.sequence == expected else {
            return .park(.gap, reason: "event \(expected) of \(event.key.aggregate) is missing")
        }
        if let problem = poison ?? event.problem { return .park(.poison, reason: problem) }
        return .apply
    }
}
