import Entities
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Values

/// What became of one row of a bulk creation or an import.
public struct RowResult: Sendable {
    public enum Outcome: Sendable {
        case created(id: UUID, version: Int64)
        /// An existing object took the row up, or says it all already.
        case existing(id: UUID, version: Int64)
        case refused(Problem)
    }

    public let outcome: Outcome

    public var status: Int {
        switch outcome {
        case .created: 201
        case .existing: 200
        case .refused(let problem): problem.type.status
        }
    }

    public func json(_ index: Int, language: Language, requestID: String) -> JSON {
        var members: JSONObject = ["index": .int(Int64(index)), "status": .int(Int64(status))]
        switch outcome {
        case .created(let id, let version), .existing(let id, let version):
            members["id"] = id.json
            members["version"] = .int(version)
            members["error"] = .null
        case .refused(let problem):
            members["id"] = .null
            members["version"] = .null
            members["error"] = problem.json(language: language, requestID: requestID)
        }
        return .object(members)
    }
}

extension Resource {
    /// So many rows share a transaction.
    static var batchSize: Int { 250 }

    /// Creates many records. A bad row stops no other; rows are decided in their order.
    ///
    /// - Parameters:
    ///   - progress: statements that belong to the commit of rows, given how many are done with it: an import's
    ///     progress. They are part of the same transaction, so that a row is done if and only if it is counted.
    /// - Returns: a result for each body, in order.
    public func createMany(
        _ bodies: [Result<JSON, Problem>], _ context: WriteContext,
        progress: @escaping @Sendable (_ done: Range<Int>, _ results: [RowResult]) -> [SQL] = { _, _ in [] }
    ) async throws -> [RowResult] {
        let custom = try await custom(context.tenant)
        var results: [RowResult] = []
        results.reserveCapacity(bodies.count)
        var start = 0
        while start < bodies.count {
            let range = start..<min(start + Self.batchSize, bodies.count)
            let context = context.goingOn()
            let drafts = bodies[range].map { body in self.result { try draft(body.get(), context, custom: custom) } }
            let done = results.count
            results += try await commit(drafts[...], context, at: done, progress: progress)
            start = range.upperBound
        }
        return results
    }

    private typealias DraftResult = Result<Draft<Record>, Problem>
    private typealias Progress = @Sendable (Range<Int>, [RowResult]) -> [SQL]

    /// All rows in one transaction; when the database refuses, each half in its own, down to the rows it refuses.
    private func commit(
        _ drafts: ArraySlice<DraftResult>, _ context: WriteContext, at start: Int, progress: Progress
    ) async throws -> [RowResult] {
        do {
            return try await commitWhole(drafts, context, at: start, progress: progress)
        } catch let error as PostgresError where !error.isUnavailable && drafts.count > 1 {
            let middle = drafts.startIndex + drafts.count / 2
            let first = try await commit(drafts[..<middle], context, at: start, progress: progress)
            return try await first
                + commit(drafts[middle...], context, at: start + first.count, progress: progress)
        } catch {
            guard drafts.count == 1, let problem = Problem(translating: error), problem.type.status < 500 else {
                throw error
            }
            let refused = RowResult(outcome: .refused(problem))
            let statements = progress(start..<start + 1, [refused])
            try await commit(context.tenant, statements)
            return [refused]
        }
    }

    /// Decided and committed anew while others change what the rows hang on, such as the accounts of orders. Batches
    /// that met so go one after the other: side by side they would make each other start over again and again.
    private func commitWhole(
        _ drafts: ArraySlice<DraftResult>, _ context: WriteContext, at start: Int, progress: Progress
    ) async throws -> [RowResult] {
        do {
            return try await commitTogether(drafts, context, at: start, progress: progress)
        } catch let error as PostgresError where error.isDecidedAnew {
            return try await environment.batches.enqueue(context.tenant, collection) {
                try await Writer.retrying {
                    try await commitTogether(drafts, context, at: start, progress: progress)
                }
            }
        }
    }

    private func commitTogether(
        _ drafts: ArraySlice<DraftResult>, _ context: WriteContext, at start: Int, progress: Progress
    ) async throws -> [RowResult] {
        let creations = try await decideGood(drafts)
        var inserts: [Record] = []
        var events: [CloudEvent] = []
        var updates: [SQL] = []
        var guards: [SQL] = []
        var more: [SQL] = []
        var results: [RowResult] = []
        for (creation, draft) in zip(creations, drafts) {
            let context = (try? draft.get().context) ?? context
            switch creation {
            case .refuse(let problem): results.append(RowResult(outcome: .refused(problem)))
            case .unchanged(let record):
                results.append(RowResult(outcome: .existing(id: record.id, version: record.version)))
            case .create(let insertion):
                let record = insertion.record
                inserts.append(record)
                guards += insertion.guards
                more += insertion.statements
                if let event = record.event(insertion.event, source: environment.source, context) {
                    events.append(event)
                }
                results.append(RowResult(outcome: .created(id: record.id, version: record.version)))
            case .change(let modification):
                let prepared = prepare(modification, context)
                updates += prepared.statements
                results.append(
                    RowResult(
                        outcome: .existing(
                            id: modification.new.id,
                            version: prepared.response.version ?? modification.old.version)))
            }
        }
        var statements = guards
        if !inserts.isEmpty {
            statements.append(table.insert(inserts, into: SchemaName(context.tenant), more: rules.columns))
        }
        statements += more
        if !events.isEmpty { statements.append(Outbox.insert(events)) }
        statements += updates + progress(start..<start + drafts.count, results)
        try await commit(context.tenant, statements)
        return results
    }

    /// - Throws: ``SameRequest`` rather than the database's error, which would be taken for a row's.
    private func commit(_ tenant: TenantID, _ statements: [SQL]) async throws {
        guard !statements.isEmpty else { return }
        do {
            try await writer.commit(tenant, statements)
        } catch let error as PostgresError {
            if let same = SameRequest(error) { throw same }
            throw error
        }
    }

    /// The domain's answers, the refused rows in their places.
    private func decideGood(_ drafts: ArraySlice<DraftResult>) async throws -> [Creation<Record>] {
        let good = drafts.compactMap { try? $0.get() }
        var decided = try await decide(good)[...]
        return drafts.map { draft in
            switch draft {
            case .failure(let problem): .refuse(problem)
            case .success: decided.popFirst() ?? .refuse(Problem(.internalError))
            }
        }
    }

    private func result<Value>(_ body: () throws -> Value) -> Result<Value, Problem> {
        do {
            return .success(try body())
        } catch {
            let failure: any Error = (error as? ValidationFailure)?.brief ?? error
            return .failure(Problem(translating: failure) ?? Problem(.internalError))
        }
    }
}
