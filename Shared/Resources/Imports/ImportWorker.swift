import CSV
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import ServiceKit
import Synchronization
import Tenancy
import Values

/// Works off imports: those just received at once, those of a dead process when their lease is over.
public struct ImportWorker: Component {
    public let name = "imports"
    let store: ImportStore
    private let runs: [String: Run]
    private let logger: Logger
    private let wishes: AsyncStream<TenantID>
    private let wish: AsyncStream<TenantID>.Continuation
    private let waiting = WaitingTenants()

    /// Works on a job until it is done, or until it is told to let others go first; then false.
    typealias Run = @Sendable (ImportJob, TenantID, _ letsOthersGo: @Sendable () -> Bool) async throws -> Bool
    /// So long one tenant's file is worked on while others wait.
    private static let turn = Duration.seconds(20)
    private static let scanPause = Duration.seconds(5)
    private static let attempts = 20

    /// - Parameter importers: of the collections that take files; see ``Resource/importer``.
    public init(_ environment: ResourceEnvironment, logger: Logger, importers: [Importer]) {
        store = ImportStore(writer: environment.writer)
        runs = Dictionary(uniqueKeysWithValues: importers.map { ($0.collection, $0.run) })
        self.logger = logger
        // A wish lost to the limit is found by the next scan.
        (wishes, wish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1024))
    }

    /// Tells that a tenant has a new job.
    func nudge(_ tenant: TenantID) {
        guard waiting.add(tenant) else { return }
        if case .dropped(let other) = wish.yield(tenant) { waiting.remove(other) }
    }

    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let pending = PendingWork(store.database, kind: "imports")
                while !Task.isCancelled {
                    do {
                        for (tenant, _) in try await pending.tenants() { nudge(tenant.id) }
                    } catch let error where !(error is CancellationError) {
                        logger.warning("imports wait for the next round: \(error)")
                    }
                    try await Task.sleep(for: Self.scanPause)
                }
            }
            for await tenant in wishes {
                waiting.remove(tenant)
                do {
                    // One after the other, each its turn: a file of hours holds up nobody else's for long.
                    if try await runOne(tenant, for: Self.turn) { nudge(tenant) }
                } catch let error where !(error is CancellationError) {
                    logger.warning("imports of \(tenant) wait for the next round: \(error)")
                }
            }
            group.cancelAll()
        }
    }

    /// Does one job of the tenant, or part of it; false when there is none.
    ///
    /// - Parameter turn: after which it lets others go first, if there are any.
    @discardableResult
    func runOne(_ tenant: TenantID, for turn: Duration = .seconds(86_400)) async throws -> Bool {
        guard let job = try await store.take(runs.keys.sorted(), tenant: tenant), let run = runs[job.collection] else {
            return false
        }
        do {
            guard job.attempts <= Self.attempts else {
                throw ImportFailure("The import stopped again and again at row \(job.rows + 1): correct it there.")
            }
            let end = ContinuousClock.now + turn
            let isDone = try await run(job, tenant) { [waiting] in
                .now >= end && waiting.hasAny(besides: tenant)
            }
            if isDone {
                try await store.finish(job.id, tenant: tenant)
            } else {
                try await store.putBack(job.id, tenant: tenant)
            }
        } catch let error as CSVError {
            try await store.finish(job.id, error: "\(error)", tenant: tenant)
        } catch let error as ImportFailure {
            try await store.finish(job.id, error: error.text, tenant: tenant)
        }
        return true
    }
}

/// Tenants whose imports wait for their turn, each once.
private final class WaitingTenants: Sendable {
    private let tenants = Mutex<Set<TenantID>>([])

    /// False when it waits already.
    func add(_ tenant: TenantID) -> Bool { tenants.withLock { $0.insert(tenant).inserted } }
    func remove(_ tenant: TenantID) { tenants.withLock { _ = $0.remove(tenant) } }
    func hasAny(besides tenant: TenantID) -> Bool { tenants.withLock { $0.contains { $0 != tenant } } }
}

/// How files become records of one collection.
public struct Importer: Sendable {
    let collection: String
    let run: ImportWorker.Run
}

/// Why a whole file cannot be imported; says what to change.
struct ImportFailure: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

extension Resource {
    public var importer: Importer {
        Importer(collection: collection) { try await run($0, tenant: $1, letsOthersGo: $2) }
    }

    /// Reads the file from its begin, passes over what is done, and creates the rest. False when others go first.
    private func run(_ job: ImportJob, tenant: TenantID, letsOthersGo: () -> Bool) async throws -> Bool {
        guard let principal = Principal(stored: job.principal, tenant: tenant) else {
            throw ImportFailure("Who asked for the import is not known: send the file again.")
        }
        var options = CSVOptions()
        options.encoding = job.encoding.flatMap { CSVEncoding(name: $0) } ?? .detect
        let reader = CSVReader(options: options)
        let store = ImportStore(writer: writer)
        let text = try await database.directory.active(tenant).textContext
        let custom = try await custom(tenant)
        var columns: [FieldReference?]?
        var waiting: [CSVReader.Record] = []
        var (passed, done, position) = (Int64(0), job.rows, 0)
        var isLast = false
        while !isLast {
            let chunk = try await store.chunk(position, of: job.id, tenant: tenant)
            position += 1
            isLast = chunk == nil
            let records = try chunk.map { bytes throws(CSVError) in try reader.read(bytes) } ?? reader.finish()
            if columns == nil, !reader.header.isEmpty {
                let found = try importColumns(reader.header, job.mapping, custom: custom)
                let ignored = zip(reader.header, found).filter { $1 == nil }.map(\.0)
                try await store.ignore(ignored, in: job.id, tenant: tenant)
                columns = found
            }
            let skipped = min(Int64(records.count), job.rows - passed)
            passed += skipped
            waiting += records.dropFirst(Int(skipped))
            while !waiting.isEmpty {
                let rows = environment.importPace.rows(of: tenant)
                guard isLast || waiting.count >= rows else { break }
                try Task.checkCancellation()
                let batch = Array(Self.head(of: waiting, upTo: rows))
                waiting.removeFirst(batch.count)
                let first = done
                let bodies = batch.map { row($0, columns ?? [], text) }
                let lines = batch.map(\.line)
                let context = WriteContext(tenant: tenant, principal: principal, askedAt: job.createdAt)
                let began = ContinuousClock.now
                _ = try await createMany(bodies, context) { range, results in
                    store.progress(
                        job.id, from: first + Int64(range.lowerBound), lines: Array(lines[range]), results,
                        language: principal.language ?? .english, SchemaName(tenant))
                }
                done += Int64(batch.count)
                if letsOthersGo() { return false }
                try await environment.importPace.rest(after: began.duration(to: .now), of: tenant)
            }
        }
        return true
    }

    /// Of what a batch holds in memory, as text; each row is there some times over while it is written.
    private static var mostBytes: Int { 1 << 20 }

    /// The next rows: at least one, and no more than fit.
    static func head(of rows: [CSVReader.Record], upTo limit: Int) -> ArraySlice<CSVReader.Record> {
        var bytes = 0
        let end = rows.prefix(limit).firstIndex { row in
            bytes += row.size
            return bytes > mostBytes
        }
        return rows.prefix(max(1, end ?? limit))
    }

    private func row(_ record: CSVReader.Record, _ columns: [FieldReference?], _ text: TextContext)
        -> Result<JSON, Problem>
    {
        switch record {
        case .failure(let fault):
            return .failure(
                Problem(
                    .validationFailed, .init(en: "\(fault)", zh: "第 \(fault.line) 行无法读取：\(fault)"),
                    extras: ["reason": .string(fault.code)]))
        case .success(let row):
            let cells = zip(columns, row.fields).compactMap { column, cell in column.map { (field: $0, text: cell) } }
            return .success(entity.schema.body(cells: cells, context: text))
        }
    }

    /// The field of each column; nil for those left out.
    private func importColumns(
        _ header: [String], _ mapping: JSONObject, custom: CustomFields
    ) throws(ImportFailure) -> [FieldReference?] {
        var columns: [FieldReference?] = []
        var taken: [FieldReference: String] = [:]
        for heading in header {
            let wanted = mapping[heading]
            guard wanted != .null, let field = importField(wanted?.string ?? heading, custom: custom) else {
                columns.append(nil)
                continue
            }
            if let other = taken.updateValue(heading, forKey: field) {
                throw ImportFailure(
                    "The columns \"\(other)\" and \"\(heading)\" both mean \(field.name): leave one out with mapping.")
            }
            columns.append(field)
        }
        guard !taken.isEmpty else {
            throw ImportFailure("No column's heading is a field of \(collection): say with mapping which is which.")
        }
        return columns
    }

    /// The field that a heading or a mapping names.
    func importField(_ name: String, custom: CustomFields) -> FieldReference? {
        let known = entity.schema.importable(custom: custom) + inputs.importable()
        return known.first { $0.name == name } ?? entity.schema.field(heading: name, custom: custom)
            ?? inputs.field(heading: name)
    }
}

extension CSVReader.Record {
    /// Of its cells, in bytes.
    fileprivate var size: Int {
        if case .success(let row) = self { row.fields.reduce(0) { $0 + $1.utf8.count } } else { 0 }
    }

    fileprivate var line: Int {
        switch self {
        case .success(let row): row.line
        case .failure(let fault): fault.line
        }
    }
}
