import HTTP
import JSON
import Postgres
import Tenancy
import Values

extension Resource {
    /// Creates many records, each once however often the same request comes with its `Idempotency-Key`.
    ///
    /// A request's rows are committed in several transactions. Each stores its rows' results with them, under the key and
    /// the number of its first row, as of when the first of them did; a repeated request finds what is done, be it all or
    /// as far as the first one came.
    ///
    /// - Parameter json: the result of a row, given its number, as the answer shows it.
    /// - Returns: the result of each row, and whether all of them were there already.
    /// - Throws: 409 while the same request runs, 422 when it came with another body.
    func createOnce(
        _ rows: [Result<JSON, Problem>], _ context: WriteContext, _ json: @escaping @Sendable (RowResult, Int) -> JSON
    ) async throws -> (items: [JSON], isReplayed: Bool) {
        guard let claim = context.idempotency else {
            return (try await createMany(rows, context).enumerated().map { json($1, $0) }, false)
        }
        var (items, isReplayed, since) = ([JSON](), !rows.isEmpty, context.now)
        while items.count < rows.count {
            let start = items.count
            if let part = try await done(claim.part(start), context) {
                if start == 0 { since = part.at }
                guard context.now - since < IdempotencyClaim.lifetime else { throw Problem(.idempotencyKeyReused) }
                items += part.items
                continue
            }
            isReplayed = false
            let range = start..<min(start + Self.batchSize, rows.count)
            let keep = Keeping(claim: claim, start: start, since: since, json: json)
            do {
                let results = try await createMany(Array(rows[range]), context) { part, results in
                    keep.statements(part, results, in: SchemaName(context.tenant))
                }
                items += results.enumerated().map { json($1, start + $0) }
            } catch SameRequest.isRunning {
                throw Problem(.requestInProgress, retryAfter: .seconds(1))
            } catch SameRequest.isDone {
                continue
            }
        }
        return (items, isReplayed)
    }

    /// What became of the rows of a part, nil when it was not committed.
    private func done(
        _ part: IdempotencyClaim, _ context: WriteContext
    ) async throws -> (items: [JSON], at: Timestamp)? {
        let found = try await environment.database.query(
            context.tenant, part.stored(in: SchemaName(context.tenant)))
        guard let row = found.first, case .bytes(let bytes) = try part.replay(row).body.content else { return nil }
        return (try JSON.parse(bytes).array ?? [], try row.get("created_at"))
    }
}

/// How the results of rows are kept with them.
private struct Keeping: Sendable {
    let claim: IdempotencyClaim
    /// Number of the first row in the request.
    let start: Int
    let since: Timestamp
    let json: @Sendable (RowResult, Int) -> JSON

    func statements(_ part: Range<Int>, _ results: [RowResult], in schema: SchemaName) -> [SQL] {
        let first = start + part.lowerBound
        let claim = claim.part(first)
        let answer = JSON.array(results.enumerated().map { json($1, first + $0) })
        return [claim.claim, claim.store(.json(answer), in: schema, at: since)]
    }
}
