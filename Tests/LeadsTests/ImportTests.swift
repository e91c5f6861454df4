import CSV
import Foundation
import HTTP
import JSON
import Postgres
import ServiceKit
import Tenancy
import Testing
import Values

@testable import Leads
@testable import Resources

/// Imports of files through their endpoints and worker, on a real database.
@Suite struct ImportTests {
    @Test func `a file with a mark and labels as headings is imported, and bad rows stop no other`() async throws {
        try await LeadsFixture.with { service in
            let imports = Imports(service)
            let file =
                "\u{FEFF}公司,Region,Unknown\n\"甲,公司\",浙江,1\n丙,too,many,cells\nB\"roken,x,y\n,浙江,no company\n丁,上海,2\n"
            let id = try await imports.send(Array(file.utf8))
            try await imports.worker.runOne(service.tenant.id)
            let job = try await imports.get("/v1/leads/imports/\(id)")
            #expect(job["status"] == "done" && job["rows"] == 5 && job["created"] == 2 && job["refused"] == 3)
            #expect(job["ignoredColumns"] == ["Unknown"] && !(job["finishedAt"]?.isNull ?? true))
            let first = try await imports.get("/v1/leads/imports/\(id)/rows?status=refused&limit=2")
            #expect(first["items"]?.array?.compactMap { $0["line"]?.int } == [3, 4])
            let cursor = try #require(first["nextCursor"]?.string)
            let second = try await imports.get("/v1/leads/imports/\(id)/rows?status=refused&limit=2&cursor=\(cursor)")
            #expect(second["items"]?.array?.compactMap { $0["line"]?.int } == [5] && second["nextCursor"] == .null)
            #expect(try await imports.companies() == ["丁", "甲,公司"])
            #expect(try await service.count("select count(*) from \(service.tenant.schema).import_chunks") == 0)
        }
    }

    @Test func `GB18030 with a mapping is read, and a file of no known column fails with a reason`() async throws {
        try await LeadsFixture.with { service in
            let imports = Imports(service)
            // "名,电话\n北京,13800138000\n" in GB18030.
            let bytes: [UInt8] =
                [0xC3, 0xFB, 0x2C, 0xB5, 0xE7, 0xBB, 0xB0, 0x0A, 0xB1, 0xB1, 0xBE, 0xA9, 0x2C]
                + Array("13800138000\n".utf8)
            let id = try await imports.send(
                bytes, query: "?encoding=gb18030&mapping=%7B%22%E5%90%8D%22:%22company%22%7D")
            let other = try await imports.send(Array("foo\nbar\n".utf8))
            while try await imports.worker.runOne(service.tenant.id) {}
            #expect(try await imports.get("/v1/leads/imports/\(id)")["created"] == 1)
            #expect(try await imports.companies() == ["北京"])
            let failed = try await imports.get("/v1/leads/imports/\(other)")
            #expect(failed["status"] == "failed" && failed["error"]?.string?.contains("mapping") == true)
        }
    }

    @Test func `a worker stopped half-way and run again, twice at once, doubles and loses nothing`() async throws {
        try await LeadsFixture.with { service in
            let imports = Imports(service)
            let lines = (0..<1_250).map { "C\($0),R\n" }.joined()
            let id = try await imports.send(Array(("company,region\n" + lines).utf8))
            let (tenant, schema) = (service.tenant.id, service.tenant.schema)
            let stopped = Task { try await imports.worker.runOne(tenant) }
            while try await service.count("select count(*) from \(schema).leads") < 250 { await Task.yield() }
            stopped.cancel()
            _ = await stopped.result
            let left = try await service.count("select rows from \(schema).imports")
            #expect(left >= 250 && left < 1_250)
            // Its lease is over, and two take it one after the other, the first still at work.
            let release: SQL = "update \(schema).imports set leased_until = now() - interval '1 second'"
            let store = ImportStore(writer: service.environment.writer)
            try await store.writer.commit(tenant, [release])
            let job = try #require(try await store.take(["leads"], tenant: tenant))
            try await store.writer.commit(tenant, [release])
            async let other = service.leads.importer.run(job, tenant) { false }
            _ = try? await imports.worker.runOne(tenant)
            _ = try? await other
            try await store.writer.commit(tenant, [release])
            _ = try await imports.worker.runOne(tenant)
            let done = try await imports.get("/v1/leads/imports/\(id)")
            #expect(done["status"] == "done" && done["rows"] == 1_250 && done["created"] == 1_250)
            #expect(try await service.count("select count(*) from \(schema).leads") == 1_250)
            #expect(try await service.count("select count(distinct company) from \(schema).leads") == 1_250)
        }
    }

    @Test func `a name is one job, whoever sends it and however often at once`() async throws {
        try await LeadsFixture.with { service in
            let imports = Imports(service)
            let (file, name) = (Array("company\nX\n".utf8), UUIDv7.make().lowercased)
            let ids = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<6 {
                    group.addTask { try await imports.send(file, query: "?name=\(name)", key: "\(number)") }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(try await service.count("select count(*) from \(service.tenant.schema).imports") == 1)
            while try await imports.worker.runOne(service.tenant.id) {}
            for id in ids {
                #expect(try await imports.get("/v1/leads/imports/\(id)")["created"] == 1)
                #expect(try await imports.get("/v1/leads/imports/\(id)/rows")["items"]?.array?.count == 1)
            }
            let other = try await imports.post(Array("company\nY\n".utf8), query: "?name=\(name)")
            #expect(other.status == 422 && other.body["code"] == "idempotencyKeyReused")
            #expect(try await imports.companies() == ["X"])
        }
    }

    @Test func `a file gives way to others after its turn, and goes on where it was`() async throws {
        try await LeadsFixture.with { service in
            let imports = Imports(service)
            let lines = (0..<600).map { "C\($0),R\n" }.joined()
            let tenant = service.tenant.id
            // What it hears of itself is no other.
            let alone = try await imports.send(Array(("company\n" + (0..<260).map { "A\($0)\n" }.joined()).utf8))
            imports.worker.nudge(tenant)
            #expect(try await imports.worker.runOne(tenant, for: .zero))
            #expect(try await imports.get("/v1/leads/imports/\(alone)")["status"] == "done")
            let id = try await imports.send(Array(("company,region\n" + lines).utf8))
            imports.worker.nudge(.make())
            for rows in [250, 500] {
                #expect(try await imports.worker.runOne(tenant, for: .zero))
                let job = try await imports.get("/v1/leads/imports/\(id)")
                #expect(job["status"] == "queued" && job["rows"]?.int == Int64(rows))
            }
            #expect(try await imports.worker.runOne(tenant, for: .zero))
            #expect(try await imports.get("/v1/leads/imports/\(id)")["created"] == 600)
            #expect(try await service.count("select count(*) from \(service.tenant.schema).leads") == 860)
        }
    }

    @Test func `rows of a batch are few where they are large`() throws {
        /// - Parameter rows: how many cells of fifty thousand bytes each has, of twenty.
        func head(_ rows: [Int]) throws -> Int {
            let reader = CSVReader(options: CSVOptions())
            let cell = String(repeating: "x", count: 50_000)
            let lines = [(0..<20).map { "c\($0)" }] + rows.map { count in (0..<20).map { $0 < count ? cell : "" } }
            let text = lines.map { $0.joined(separator: ",") + "\n" }.joined()
            let records = try reader.read(Array(text.utf8)) + reader.finish()
            return Resource<Lead>.head(of: records, upTo: 3).count
        }
        #expect(try head([1, 1, 1, 1]) == 3)
        #expect(try head([12, 12, 1]) == 1)
        #expect(try head([8, 8, 8]) == 2)
        #expect(try head([20, 20]) == 1)
        #expect(try head([1]) == 1)
    }

    @Test func `the same key and file is one job`() async throws {
        try await LeadsFixture.with { service in
            let imports = Imports(service)
            let file = Array("company\nX\n".utf8)
            let first = try await imports.send(file, key: "k")
            let second = try await imports.send(file, key: "k")
            #expect(first == second)
            #expect(try await service.count("select count(*) from \(service.tenant.schema).imports") == 1)
        }
    }
}

/// The endpoints behind a router, and a worker that runs when told.
private struct Imports: Sendable {
    let service: LeadsFixture
    let worker: ImportWorker

    init(_ service: LeadsFixture) {
        self.service = service
        worker = ImportWorker(
            service.environment, logger: Logger(service: "leads"), importers: [service.leads.importer])
    }

    private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
        let principal = Principal(
            tenant: service.tenant.id, subject: "test", kind: .apiKey, role: "admin",
            permissions: ["import", "leads.read", "leads.write"], visibility: .all)
        let router = try Router(
            service.leads.endpoints() + service.leads.importEndpoints(worker),
            middleware: [Known(principal: principal)],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record("\(error)") }),
            translate: { Problem(translating: $0) })
        return await router.handler(request)
    }

    /// Sends a file in pieces; answers the job's id.
    func send(_ bytes: [UInt8], query: String = "", key: String? = nil) async throws -> String {
        let (status, job, location) = try await post(bytes, query: query, key: key)
        try #require(status == 202, "\(job)")
        let id = try #require(job["id"]?.string)
        #expect(location == "/v1/leads/imports/\(id)" && job["status"] == "queued")
        return id
    }

    func post(
        _ bytes: [UInt8], query: String, key: String? = nil
    ) async throws -> (status: Int, body: JSON, location: String?) {
        var headers: HTTPHeaders = ["Content-Type": "text/csv; charset=utf-8"]
        if let key { headers["Idempotency-Key"] = key }
        let response = try await answer(
            HTTPRequest(.post, "/v1/leads/imports\(query)", headers: headers, body: .bytes(bytes)))
        return (response.status.code, try service.read(response).body, response.headers["Location"])
    }

    func get(_ path: String) async throws -> JSON {
        try service.read(try await answer(HTTPRequest(.get, path))).body
    }

    func companies() async throws -> [String] {
        try await service.environment.database.query(
            service.tenant.id, "select company from \(service.tenant.schema).leads order by company collate \"C\""
        ).map { try $0.get(0, as: String.self) }
    }
}
