import CSV
import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import ServiceKit
import Synchronization
import Tenancy
import TestKit
import Testing
import Values

@testable import Operator

/// Runs the tool as a shell would and keeps what it says.
private final class Shell: Sendable {
    private let said = Mutex((text: "", notes: ""))

    var text: String { said.withLock { $0.text } }
    var notes: String { said.withLock { $0.notes } }

    func run(_ words: String..., environment: [String: String] = [:]) async -> ExitCode {
        said.withLock { $0 = ("", "") }
        let console = Console(
            write: { text in self.said.withLock { $0.text += text } },
            note: { text in self.said.withLock { $0.notes += text } })
        return await Operator.tool.run(words, environment: environment, console: console)
    }
}

@Suite struct MigrateTests {
    @Test func `migrate prepares an empty server, runs again without effect, keeps the operator's key`() async throws {
        let server = try await TestPostgres.shared()
        let login = server.superuser
        let url = "postgresql://\(login.login)@localhost:\(login.port)/postgres?host=\(login.host)"
        let file = NSTemporaryDirectory() + "operator-\(UUID().uuidString).key"
        defer { try? FileManager.default.removeItem(atPath: file) }
        let shell = Shell()
        let environment = ["GUANXI_DATABASE_URL": url]

        #expect(await shell.run("migrate", "--operator-key-file", file, environment: environment) == .success)
        #expect(shell.notes == "")
        let key = try String(contentsOfFile: file, encoding: .utf8)
        #expect(key.wholeMatch(of: /gxo_[0-9a-f]{32}_[A-Za-z0-9_-]{43}\n/) != nil)
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)

        #expect(await shell.run("migrate", "--operator-key-file", file, environment: environment) == .success)
        #expect(shell.text.contains("done: 0 migrations, 0 tenants"))
        #expect(try String(contentsOfFile: file, encoding: .utf8) == key)
    }

    @Test func `a server that is not there ends with 3 and says what to check`() async {
        let shell = Shell()
        let code = await shell.run("migrate", "--database-url", "postgresql://postgres@127.0.0.1:1/postgres")
        #expect(code == .unavailable)
        #expect(shell.notes.contains("--database-url"))
    }
}

@Suite struct CommandTests {
    @Test func `every command explains itself with an example`() async {
        let shell = Shell()
        let commands = [
            "migrate", "tenant create", "tenant list", "tenant suspend", "tenant resume", "tenant delete",
            "api-key create", "api-key list", "api-key revoke", "user create", "user list", "user reset-password",
            "user deactivate", "user reactivate", "import",
            "analytics report", "analytics rebuild", "status", "dead-letters list", "dead-letters show",
            "dead-letters redrive", "topics apply",
        ]
        for command in commands {
            let words = command.split(separator: " ").map(String.init) + ["--help"]
            let code =
                words.count == 2 ? await shell.run(words[0], words[1]) : await shell.run(words[0], words[1], words[2])
            #expect(code == .success)
            #expect(shell.text.contains("Examples:\n  guanxi \(command)"), "\(command)")
        }
    }

    @Test func `a gateway that is not there ends with 3, a missing key with 2`() async {
        let shell = Shell()
        let nowhere = ["GUANXI_URL": "http://127.0.0.1:1", "GUANXI_OPERATOR_KEY": "gxo_x"]
        #expect(await shell.run("tenant", "list", environment: nowhere) == .unavailable)
        #expect(shell.notes.contains("GUANXI_URL"))
        #expect(await shell.run("tenant", "list", environment: ["GUANXI_URL": "http://127.0.0.1:1"]) == .usage)
        #expect(shell.notes.contains("the operator's key is missing"))
        #expect(shell.notes.hasSuffix("; guanxi tenant list --help shows how\n"))
        #expect(await shell.run("analytics", "rebuild", environment: nowhere) == .usage)
        #expect(shell.notes.contains("--yes"))
    }

    @Test func `a problem becomes one line with every field and the request's id`() {
        let problem: JSON = [
            "detail": "Correct the fields.", "requestId": "r1",
            "errors": [["path": "/slug", "code": "format", "message": "Use small letters."]],
        ]
        let refusal = APIRefusal(.unprocessableContent, problem)
        #expect(refusal.description == "Correct the fields. /slug: Use small letters. (request r1)")
        #expect(refusal.failure.code == .failure)
        #expect(APIRefusal(.serviceUnavailable, .null).failure.code == .unavailable)
        let once: JSON = ["detail": "Use a number.", "errors": [["path": "limit", "message": "Use a number."]]]
        #expect(APIRefusal(.badRequest, once).description == "Use a number.")
        #expect(APIRefusal(.unauthorized, .null).description.contains("GUANXI_OPERATOR_KEY"))
    }

    @Test func `a report shows money, ratios and what is not known`() {
        let answer: JSON = [
            "asOf": "2017-12-31",
            "groups": [
                [
                    "key": "GTX Pro", "won": 729, "wonValue": ["amount": "3510578.00", "currency": "USD"],
                    "winRate": 0.6356, "drill": ["won": "/v1/opportunities"],
                ]
            ],
            "total": ["won": 729, "wonValue": ["amount": "3510578.00", "currency": "USD"], "winRate": .null],
        ]
        #expect(
            AnalyticsCommands.reportText(answer, ["PRODUCT"]) == """
                PRODUCT  WON       WON VALUE  WIN RATE
                GTX Pro  729  3510578.00 USD   63.56 %
                total    729  3510578.00 USD         -
                as of 2017-12-31

                """)
    }
}

@Suite struct BackupTests {
    @Test func `what consumers have done is looked at for every kind of event`() {
        let kinds = Set(EventCatalogue.all.map(\.aggregate)).subtracting(["tenant"])
        #expect(Set(DeliveryCheck.kinds.values) == kinds)
    }

    @Test func `of two backups with one name one fails and harms the other not`() async throws {
        let path = NSTemporaryDirectory() + "backup-\(UUID().uuidString).tar"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let manifest = BackupManifest(
            id: "one", takenAt: .now(), tenant: TenantDescription(slug: "unit", name: "Unit"), origin: .make())
        let first = try BackupWriter(path)
        let second = try BackupWriter(path)
        try await first.finish(manifest)
        let written = try Data(contentsOf: URL(filePath: path))
        await #expect(throws: CommandFailure.self) { try await second.finish(manifest) }
        await second.discard()
        #expect(try Data(contentsOf: URL(filePath: path)) == written)
        let left = try FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory())
        #expect(
            left.filter { $0.hasPrefix(URL(filePath: path).lastPathComponent) } == [
                path.split(separator: "/").last.map(String.init)
            ])
    }
}

@Suite struct ImportTests {
    private func folder() throws -> URL {
        let url = URL(filePath: NSTemporaryDirectory()).appending(path: "import-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    @Test func `a mapping names a field for a column, or leaves it out`() throws {
        let mapping = try ImportRequest.mapping(["公司=company", "a=b=phone", "备注="])
        #expect(mapping == ["公司": "company", "a=b": "phone", "备注": .null])
        #expect(throws: CommandFailure.self) { try ImportRequest.mapping(["company"]) }
    }

    @Test func `a file is counted before it is sent, and named by its content`() async throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "a.csv").path
        try "编号,备注\n1,\"two\nlines\"\n2,x,y\n3,\n".write(toFile: path, atomically: true, encoding: .utf8)
        let file = try await ImportFile.examined(path, options: CSVOptions())
        #expect(file.rows == 3)
        #expect(file.bytes == FileManager.default.contents(atPath: path)?.count)
        try "编号,备注\n1,\"two\nlines\"\n2,x,y\n4,\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try await ImportFile.examined(path, options: CSVOptions()).digest != file.digest)
        try "a,a\n".write(toFile: path, atomically: true, encoding: .utf8)
        await #expect(throws: CommandFailure.self) { try await ImportFile.examined(path, options: CSVOptions()) }
    }

    @Test func `each row's result is in the file, which is whole or not there`() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "results.csv").path
        var results = try ImportResults(path)
        try results.add(line: 2, status: "created", id: "i1", problem: .null)
        try results.add(
            line: 3, status: "refused", id: nil,
            problem: [
                "code": "validationFailed", "detail": "Correct the fields.", "requestId": "r",
                "errors": [["path": "/email", "message": "Write an address, with @."]],
            ])
        #expect(!FileManager.default.fileExists(atPath: path))
        try results.finish()
        #expect(results.refusals == ["line 3: Correct the fields. /email: Write an address, with @."])
        #expect(
            String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self) == """
                \u{FEFF}line,status,id,code,message\r
                2,created,i1,,\r
                3,refused,,validationFailed,"Correct the fields. /email: Write an address, with @."\r

                """)
        #expect(throws: CommandFailure.self) { try ImportResults("/nowhere/results.csv") }
    }

    @Test func `lines of NDJSON keep their numbers, empty ones count for nothing`() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).ndjson").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Longer than what is read at once.
        let long = #"{"a":""# + String(repeating: "x", count: 3 << 20) + #""}"#
        try Data("{\"a\":1}\n\n  \r\n{\"a\":2}\n\(long)\n{\"a\":4}".utf8).write(to: URL(filePath: path))
        var file = try LineFile(path)
        defer { file.close() }
        #expect(try file.next(2).map(\.number) == [1, 4])
        #expect(try file.next(1) == [.init(number: 5, bytes: Array(long.utf8))])
        #expect(try file.next(2) == [.init(number: 6, bytes: Array(#"{"a":4}"#.utf8))])
        #expect(try file.next(2).isEmpty)
        #expect(try await LineFile.examined(path).bytes == file.position)
    }

    @Test func `a batch is named by the file and its place in it`() {
        #expect(BulkImport.name("a", 1) == BulkImport.name("a", 1))
        #expect(Set([BulkImport.name("a", 1), BulkImport.name("a", 2), BulkImport.name("b", 1)]).count == 3)
    }

    @Test func `a file that is not there or has no known format is refused before anything is asked`() async {
        let shell = Shell()
        let nowhere = ["GUANXI_URL": "http://127.0.0.1:1", "GUANXI_OPERATOR_KEY": "gxo_x", "GUANXI_TENANT": "t"]
        #expect(await shell.run("import", "leads", "/nowhere/leads.csv", environment: nowhere) == .failure)
        #expect(shell.notes.contains("cannot be read"))
        #expect(await shell.run("import", "leads", "leads.xlsx", environment: nowhere) == .usage)
        #expect(shell.notes.contains("must end in .csv"))
    }
}

@Suite struct AccessTests {
    @Test func `keys that are of no use any more are told apart`() throws {
        let now = try #require(Timestamp("2026-11-25T12:00:00Z"))
        #expect(AccessCommands.isUsable(["revokedAt": .null, "expiresAt": .null], at: now))
        #expect(AccessCommands.isUsable(["revokedAt": .null, "expiresAt": "2026-11-25T12:00:01Z"], at: now))
        #expect(!AccessCommands.isUsable(["revokedAt": .null, "expiresAt": "2026-11-25T11:00:00Z"], at: now))
        #expect(!AccessCommands.isUsable(["revokedAt": "2026-11-24T12:00:00Z"], at: now))
    }

    @Test func `what stands in cells is for people`() {
        #expect(JSON.string("2026-11-25T18:32:03.377Z").cell == "2026-11-25 18:32:03Z")
        #expect(JSON.double(0.4286).percentage == "42.86 %")
        #expect(JSON.null.percentage == "-")
        let money: JSON = ["amount": "5.00", "currency": "CNY"]
        #expect(money.cell == "5.00 CNY")
    }
}
