import Foundation
import HTTP
import JSON
import Runtime
import ServiceKit

/// A file of JSON objects, one a line, sent in batches to a collection's bulk endpoint.
struct BulkImport: Sendable {
    let request: ImportRequest
    let api: APIClient
    let console: Console

    func run() async throws -> ImportSummary {
        let file = request.file
        let rows = Self.rows(try await Blocking.run { [UInt8](try Data(contentsOf: URL(filePath: file))) })
        var summary = ImportSummary(results: request.results)
        var results = try ImportResults(request.results)
        var progress = Progress(request.collection, total: rows.count, console: console)
        for start in stride(from: 0, to: rows.count, by: request.batch) {
            let batch = rows[start..<min(start + request.batch, rows.count)]
            let answer: JSON
            do {
                answer = try await send(batch)
            } catch {
                try results.abandon()
                throw error
            }
            summary.rows += Int64(batch.count)
            summary.created += answer["created"]?.int ?? 0
            summary.existing += answer["existing"]?.int ?? 0
            for (row, result) in zip(batch, answer["items"]?.array ?? []) {
                let problem = result["error"] ?? .null
                if !problem.isNull { summary.refused += 1 }
                let status = !problem.isNull ? "refused" : result["status"]?.int == 201 ? "created" : "existing"
                try results.add(line: Int64(row.line), status: status, id: result["id"]?.string, problem: problem)
            }
            progress.update(start + batch.count)
        }
        progress.finish(rows.count)
        try results.finish()
        for refusal in results.refusals { console.note(refusal + "\n") }
        return summary
    }

    private func send(_ batch: ArraySlice<(line: Int, bytes: [UInt8])>) async throws -> JSON {
        let lines = Array(batch.map(\.bytes).joined(separator: [UInt8(ascii: "\n")]))
        do {
            return try await api.sendOnce(
                .post, "/v1/\(PercentCoding.encode(request.collection))/bulk",
                headers: ["Content-Type": "application/x-ndjson"], patience: .seconds(300)
            ) { .bytes(lines) }
        } catch let refusal as APIRefusal where refusal.status == .notFound || refusal.status == .methodNotAllowed {
            throw CommandFailure.usage("\"\(request.collection)\" takes no rows: /docs shows those with …/bulk")
        }
    }

    /// The lines that hold something.
    static func rows(_ bytes: [UInt8]) -> [(line: Int, bytes: [UInt8])] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
            .filter { !$0.element.allSatisfy { [9, 13, 32].contains($0) } }
            .map { (line: $0.offset + 1, bytes: Array($0.element)) }
    }
}
