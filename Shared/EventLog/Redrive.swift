import Postgres
import Tenancy

extension EventConsumer {
    /// This consumer's parked events.
    public var deadLetters: DeadLetters { DeadLetters(consumer: self) }

    private enum Step: Sendable {
        case done
        /// Nothing of the aggregate is parked, or what is must go on waiting.
        case stop(reason: String?)
    }

    /// Applies an aggregate's parked events in their order, each in a transaction of its own that holds off the
    /// consumer of their partition.
    func redrive(_ key: InboxKey, discarding id: Int64? = nil) async throws -> RedriveResult {
        var result = RedriveResult()
        loop: while true {
            do {
                switch try await redriveFirst(key, discarding: id) {
                case .done: result.applied += 1
                case .stop(let reason):
                    result.reason = reason
                    break loop
                }
            } catch let refusal as Refusal {
                try await note(refusal)
                result.reason = refusal.reason
                break loop
            }
        }
        let rows = try await database.consume { [inbox] tx in
            try await tx.events().query(
                """
                select count(*) from shared.dead_letter where consumer = \(inbox.consumer)
                    and tenant = \(key.tenant) and aggregate = \(key.aggregate)
                """)
        }
        result.remaining = try rows.single().get(0)
        return result
    }

    /// After the missing event of an aggregate came: applies what waited for it. Troubles are left to the next event
    /// of the aggregate or to an operator.
    func drain(_ key: InboxKey) async throws {
        do { _ = try await redrive(key) } catch {
            try Task.checkCancellation()
            say(.warning, "Parked events of \(key.aggregate) were not tried again: \(error)")
        }
    }

    /// A handler's refusal of a parked event.
    private struct Refusal: Error {
        let id: Int64
        let reason: String
    }

    private func redriveFirst(_ key: InboxKey, discarding id: Int64?) async throws -> Step {
        try await database.consume { [self] tx in
            let first: SQL = """
                tenant = \(key.tenant) and aggregate = \(key.aggregate) order by sequence, id limit 1
                """
            guard let any = try await tx.events().query(inbox.letters(first)).first.map(DeadLetter.init) else {
                return .stop(reason: nil)
            }
            // Only with the consumer held off is what is read now still so at the commit.
            let rows = try await tx.events().pipeline([
                inbox.lock(any.stored.source), inbox.letters(first), inbox.states(of: [key]),
            ])
            guard let letter = try rows[1].first.map(DeadLetter.init) else { return .stop(reason: nil) }
            let last = try Inbox.state(rows[2].single()).last
            let received = ReceivedEvent(letter.stored, form: form(of:))
            var statements: [SQL] = ["delete from shared.dead_letter where id = \(letter.id)"]
            if let last, received.sequence > 0, received.sequence <= last {
                _ = try await tx.events().pipeline(statements)
                return .done
            }
            if letter.id != id {
                if let problem = received.problem { throw Refusal(id: letter.id, reason: problem) }
                guard received.sequence == (last ?? 0) + 1 || letter.state == ParkState.poison.rawValue else {
                    return .stop(reason: letter.reason)
                }
                do { try await dispatch([received.event].compactMap { $0 }, tx) } catch {
                    if let error = error as? PostgresError, error.isOutage || error.mayPass { throw error }
                    throw Refusal(id: letter.id, reason: "\(error)")
                }
            }
            if received.sequence > 0 {
                statements += [inbox.store([received.key: received.sequence])].compactMap { $0 }
            }
            _ = try await tx.events().pipeline(statements)
            return .done
        }
    }

    private func note(_ refusal: Refusal) async throws {
        _ = try await database.consume { tx in
            try await tx.events().execute(
                """
                update shared.dead_letter set state = 'poison', reason = \(refusal.reason), attempts = attempts + 1
                where id = \(refusal.id)
                """)
        }
    }
}
