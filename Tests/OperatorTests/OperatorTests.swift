import CSV
import Foundation
import HTTP
import JSON
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

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
            "api-key create", "api-key list", "api-key revoke", "user create", "user list", "import",
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
        #expect(shell.notes.contains("Check GUANXI_URL"))
        #expect(await shell.run("tenant", "list", environment: ["GUANXI_URL": "http://127.0.0.1:1"]) == .usage)
        #expect(shell.notes.contains("--operator-key is missing"))
        #expect(await shell.run("analytics", "rebuild", environment: nowhere) == .usage)
        #expect(shell.notes.contains("--yes"))
    }

    @Test func `a problem becomes one line with every field and the request's id`() {
        let problem: JSON = [
            "detail": "Correct the fields.", "requestId": "r1",
            "errors": [["path": "/slug", "code": "format", "message": "Use small letters."]],
        ]
        let failure = APIClient.failure(.unprocessableContent, problem)
        #expect(failure.description == "Correct the fields. /slug: Use small letters. (request r1)")
        #expect(failure.code == .failure)
        #expect(APIClient.failure(.serviceUnavailable, .null).code == .unavailable)
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
            AnalyticsCommands.reportText(answer) == """
                KEY      WON       WON VALUE  WIN RATE
                GTX Pro  729  3510578.00 USD    0.6356
                total    729  3510578.00 USD         -
                as of 2017-12-31

                """)
    }
}

@Suite struct ImportTests {
    private static let document: JSON = [
        "paths": [
            "/v1/orders": [
                "post": [
                    "requestBody": [
                        "content": ["application/json": ["schema": ["$ref": "#/components/schemas/OrderCreate"]]]
                    ]
                ]
            ]
        ],
        "components": [
            "schemas": [
                "OrderCreate": [
                    "properties": [
                        "externalId": ["type": "string"], "quantity": ["type": ["integer", "null"]],
                        "paid": ["type": "boolean"], "amount": ["$ref": "#/components/schemas/Money"],
                    ]
                ],
                "Money": ["properties": ["amount": ["type": "string"], "currency": ["type": "string"]]],
            ]
        ],
    ]

    @Test func `columns are renamed, typed and nested; empty cells and skipped columns are left out`() throws {
        let csv = """
            编号,quantity,paid,amount.amount,amount.currency,备注
            007,3,TRUE,12.50,CNY,x
            008,,no,,,y

            """
        let rows = try Rows(
            csv: Array(csv.utf8), options: CSVOptions(), mapping: Mapping(["编号=externalId", "备注="]),
            types: FieldTypes(of: "orders", in: Self.document))
        #expect(rows.faults.isEmpty)
        #expect(rows.items.map(\.line) == [2, 3])
        #expect(
            try rows.items.map { try JSON.parse($0.bytes) } == [
                [
                    "externalId": "007", "quantity": 3, "paid": true,
                    "amount": ["amount": "12.50", "currency": "CNY"],
                ], ["externalId": "008", "paid": "no"],
            ])
    }

    @Test func `a broken row is told with its line and stops no other`() throws {
        let rows = try Rows(
            csv: Array("externalId,quantity\n1,2,3\n2,5\n".utf8), options: CSVOptions(), mapping: Mapping([]),
            types: FieldTypes(of: "orders", in: Self.document))
        #expect(rows.faults.map(\.line) == [2])
        #expect(rows.items.map(\.line) == [3])
    }
}
