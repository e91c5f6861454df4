import HTTP
import JSON
import Postgres
import Tenancy

extension Resource {
    /// Creates many records, each once however often the same request comes with its `Idempotency-Key`.
    ///
    /// A request's rows are committed in several transactions. Each stores its rows' results with them, under the key and
    /// the number of its first row; a repeated request finds what is done, be it all or as far as the first one came.
    ///
    /// - Returns: the result of each row as the answer shows it, and whether all of them were there already.
    /// - Throws: 409 while the same request runs, 422 when it came with another body.
    func createOnce(
        _ rows: [Result<JSON, Problem>], _ context: WriteContext, _ json: @escaping @Sendable (RowResult, Int) -> JSON
    ) async throws -> (items: [JSON], isReplayed: Bool) {
        guard let claim = context.idempotency else {
            return (try await createMany(rows, context).enumerated().map { json($1, $0) }, false)
        }
        var items: [JSON] = []
        var isReplayed = !rows.isEmpty
        while items.count < rows.count {
            let start = items.count
            if let known = try await results(claim.part(start), context) {
                items += known
                continue
            }
            isReplayed = false
            let range = start..<min(start + Self.batchSize, rows.count)
            do {
                let done = try await createMany(Array(rows[range]), context) { part, results in
                    let first = start + part.lowerBound
                    let claim = claim.part(first)
                    let answer = JSON.array(results.enumerated().map { json($1, first + $0) })
                    return [
                        claim.claim,
                        claim.store(.json(answer), in: SchemaName(context.tenant), at: context.now),
                    ]
                }
                items += done.enumerated().map { json($1, start + $0) }
            } catch is RunsAlready {
                throw Problem(.requestInProgress, retryAfter: .seconds(1))
            }
        }
        return (items, isReplayed)
    }

    /// What became of the rows of a part, nil when it was not committed.
    private func results(_ part: IdempotencyClaim, _ context: WriteContext) async throws -> [JSON]? {
        let found = try await environment.database.query(
            context.tenant, part.stored(in: SchemaName(context.tenant)))
        guard let row = found.first, case .bytes(let bytes) = try part.replay(row).body.content else { return nil }
        return try JSON.parse(bytes).array
    }
}
