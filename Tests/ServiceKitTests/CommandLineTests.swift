import JSON
import ServiceKit
import Synchronization
import Testing

@Suite struct CommandLineTests {
    /// Collects what a command writes.
    final class Paper: Sendable {
        let text = Mutex("")
        let notes = Mutex("")

        func console(answer: String? = nil) -> Console {
            Console(
                write: { text in self.text.withLock { $0 += text } },
                note: { note in self.notes.withLock { $0 += note } },
                readLine: { answer }, isInteractive: answer != nil)
        }
    }

    static let tool = CommandLineTool(
        Command(
            "guanxi", summary: "Runs Guanxi.",
            options: [
                .init(
                    "url", value: "address", default: "http://127.0.0.1:8080", environment: "GUANXI_URL", help: "API.")
            ],
            examples: [(command: "guanxi tenant list", meaning: "Lists tenants.")],
            subcommands: [
                Command(
                    "tenant", summary: "Tenants.",
                    subcommands: [
                        Command(
                            "delete", summary: "Deletes a tenant.",
                            arguments: [.init("slug", help: "The tenant's name.")],
                            options: [
                                .init("yes", short: "y", help: "Do not ask."),
                                .init("mode", value: "mode", choices: ["soft", "hard"], help: "How."),
                                .init(
                                    "keep", value: "answer", environment: "GUANXI_KEEP", choices: ["yes", "no"],
                                    help: "Keep a copy."),
                                .init("days", short: "d", value: "number", help: "Keep for days."),
                            ]
                        ) { call in
                            try call.confirm("Delete \(call.arguments[0])?")
                            let days = try call.number("days", in: 1...90) ?? 0
                            call.console.write("\(call.arguments) \(call["mode"] ?? "-") \(days) \(call["url"] ?? "")")
                            if call.isJSON { call.console.write(["deleted": true]) }
                        },
                        Command("fail", summary: "Fails.") { _ in
                            throw CommandFailure("no server answers at x", code: .unavailable)
                        },
                    ])
            ]))

    func run(
        _ words: String..., environment: [String: String] = [:], answer: String? = nil
    ) async -> (code: ExitCode, text: String, notes: String) {
        let paper = Paper()
        let code = await Self.tool.run(words, environment: environment, console: paper.console(answer: answer))
        return (code, paper.text.withLock { $0 }, paper.notes.withLock { $0 })
    }

    @Test func optionsStandAnywhere() async {
        let one = await run("tenant", "delete", "-y", "--mode=hard", "acme", "-d", "7")
        #expect(one.text == "[\"acme\"] hard 7 http://127.0.0.1:8080" && one.code == .success)
        let two = await run("--url", "http://x", "tenant", "delete", "--yes", "--json", "--", "-acme")
        #expect(two.text == "[\"-acme\"] - 0 http://x{\n  \"deleted\": true\n}\n")
        let three = await run("tenant", "delete", "a", "--yes", environment: ["GUANXI_URL": "http://e"])
        #expect(three.text.hasSuffix("http://e"))
    }

    @Test func mistakesAreOneSentence() async {
        let cases: [([String], String)] = [
            (["tenant", "delete"], "guanxi tenant delete needs slug: The tenant's name."),
            (["tenant", "delete", "a", "b"], "\"b\" is one word too many for guanxi tenant delete"),
            (["tenant", "delete", "a", "--mode", "odd"], "--mode is \"odd\": expected one of soft, hard"),
            (["tenant", "delete", "a", "--mod", "x"], "--mod is not an option here (did you mean --mode?)"),
            (["tenant", "delete", "a", "--days"], "--days needs a value: number"),
            (["tenant", "delete", "a", "--yes=1"], "--yes takes no value"),
            (["tenant", "delete", "a", "-y", "-d", "91"], "--days is \"91\": expected a whole number from 1 to 90"),
            (["tenant", "delete", "a", "-d", "1", "-d", "2"], "--days is given more than once"),
        ]
        for (words, sentence) in cases {
            let paper = Paper()
            let code = await Self.tool.run(words, environment: [:], console: paper.console())
            #expect(code == .usage)
            #expect(paper.notes.withLock { $0 } == "guanxi: \(sentence); guanxi tenant delete --help shows how\n")
            #expect(paper.text.withLock { $0 }.isEmpty)
        }
        let unknown = await run("tenants")
        #expect(
            unknown.notes
                == "guanxi: \"tenants\" is not a command of guanxi (did you mean tenant?); guanxi --help shows how\n")
        let silent = await run("tenant", "delete", "a")
        #expect(silent.code == .usage)
        #expect(silent.notes == "guanxi: Delete a? Nobody is there to be asked: give --yes to confirm\n")
        let variable = await run("tenant", "delete", "a", environment: ["GUANXI_KEEP": "perhaps"])
        #expect(
            variable.code == .usage && variable.notes.contains("GUANXI_KEEP is \"perhaps\": expected one of yes, no"))
        let failed = await run("tenant", "fail")
        #expect(failed.code == .unavailable && failed.notes == "guanxi: no server answers at x\n")
    }

    @Test func questionsAreAnswered() async {
        #expect(await run("tenant", "delete", "a", answer: "y").code == .success)
        let refused = await run("tenant", "delete", "a", answer: "")
        #expect(refused.code == .failure && refused.text.isEmpty)
    }

    @Test func helpShowsCommandsOptionsAndExamples() async {
        let top = await run()
        #expect(
            top.code == .success && top.text.contains("tenant  Tenants.") && top.text.contains("guanxi tenant list"))
        let help = await run("tenant", "delete", "--help").text
        for part in ["guanxi tenant delete <slug> [options]", "-y, --yes", "one of soft, hard", "GUANXI_URL", "--json"]
        {
            #expect(help.contains(part), "\(part)")
        }
    }

    @Test func tablesAlignChinese() {
        var table = Table([
            (title: "名称", alignment: .left), (title: "n", alignment: .right), (title: "x", alignment: .left),
        ])
        table.add("华为技术", "5", "a")
        table.add("ACME\n", "1234", "e\u{301}")
        table.add("ｱｱ", "0", "")
        #expect(table.text == "名称         n  x\n华为技术     5  a\nACME      1234  e\u{301}\nｱｱ           0  \n")
        #expect("（全角）😀é".displayWidth == 11)
    }
}
