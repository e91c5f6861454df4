import ServiceKit
import Testing

@Suite struct ConfigurationTests {
    enum Colour: String, CaseIterable, ConfigurationChoice { case red, green }

    static let loops = ConfigurationKey("loops", default: 2, in: 1...64, help: "How many loops.")
    static let drain = ConfigurationKey("drain-deadline", default: Duration.seconds(10), help: "How long to drain.")
    static let listen = ConfigurationKey(
        "listen", default: HostAndPort(host: "127.0.0.1", port: 8081), help: "Where to listen.")
    static let password = ConfigurationKey<Secret>(
        "password", default: nil, help: "The database's.", example: "correct-horse", isValid: { $0.value.count > 3 })
    static let colour = ConfigurationKey("colour", default: Colour.red, help: "A choice.")
    static let verbose = ConfigurationKey("verbose", default: false, help: "A switch.")
    static let brokers = ConfigurationKey("brokers", default: "", help: "Brokers.", environmentAlias: "KAFKA_BROKERS")
    static let keys: [AnyConfigurationKey] = [
        .init(loops), .init(drain), .init(listen), .init(password), .init(colour), .init(verbose), .init(brokers),
    ]

    func read(
        _ arguments: [String] = [], _ environment: [String: String] = [:], file: String? = nil
    ) throws(ConfigurationError) -> Configuration {
        var environment = environment
        if environment["GUANXI_PASSWORD"] == nil { environment["GUANXI_PASSWORD"] = "hunter22" }
        return try Configuration(
            keys: Self.keys, arguments: arguments, environment: environment,
            readFile: { path in path == "there.conf" ? file.map { [UInt8]($0.utf8) } : nil })
    }

    func sentence(_ arguments: [String] = [], _ environment: [String: String] = [:], file: String? = nil) -> String? {
        do {
            _ = try read(arguments, environment, file: file)
            return nil
        } catch { return "\(error)" }
    }

    @Test func flagsBeatTheEnvironmentWhichBeatsTheFileWhichBeatsDefaults() throws {
        let file =
            "# shared\nexport GUANXI_LOOPS = 3\ndrain-deadline=\"1m\"\nverbose=yes\ncolour='green'\n\nlisten=[::1]:0"
        let configuration = try read(
            ["--loops=5", "--verbose", "--config-file", "there.conf"],
            ["GUANXI_LOOPS": "4", "GUANXI_DRAIN_DEADLINE": "250ms", "KAFKA_BROKERS": "k:9092"], file: file)
        #expect(configuration[Self.loops] == 5)
        #expect(configuration[Self.drain] == .milliseconds(250))
        #expect(configuration[Self.verbose])
        #expect(configuration[Self.colour] == .green)
        #expect(configuration[Self.listen] == HostAndPort(host: "::1", port: 0))
        #expect(configuration[Self.brokers] == "k:9092")
        #expect(configuration.sources["loops"] == .flag)
        #expect(configuration.sources["drain-deadline"] == .environment)
        #expect(configuration.sources["colour"] == .file)
        #expect(try read()[Self.loops] == 2)
        #expect(try read(["--config-file", "there.conf"], file: "{\"loops\": 7, \"verbose\": true}")[Self.loops] == 7)
    }

    @Test func aWrongValueIsOneSentence() {
        #expect(sentence(["--loops", "many"]) == "--loops is \"many\": expected a whole number from 1 to 64")
        #expect(
            sentence([], ["GUANXI_LOOPS": "65"]) == "GUANXI_LOOPS is \"65\": expected a whole number from 1 to 64")
        #expect(sentence(["--colour", "blue"]) == "--colour is \"blue\": expected red or green")
        #expect(sentence(["--listen", "8081"])?.hasSuffix("expected an address such as 127.0.0.1:8080") == true)
        for wrong in ["-1:80", ":80", "host:65536", "a b:1", "::1:80"] {
            #expect((sentence(["--listen", wrong]) == nil) == (wrong == "-1:80"), "\(wrong)")
        }
        for wrong in ["10", "s", "-1s", "1.5s", "99999999999999h"] {
            #expect(sentence(["--drain-deadline", wrong]) != nil)
        }
        #expect(sentence(["--loop", "3"])?.contains("(did you mean loops?)") == true)
        #expect(sentence(["stray"])?.contains("\"stray\" is not understood") == true)
        #expect(sentence(["--loops"])?.contains("--loops needs a value") == true)
        #expect(sentence(["--config-file", "absent.conf"])?.contains("absent.conf cannot be read") == true)
        #expect(sentence(["--config-file", "there.conf"], file: "LOOPS\n")?.contains("line 1 of there.conf") == true)
        #expect(sentence(["--config-file", "there.conf"], file: "{\"loops\": [")?.contains("not valid JSON") == true)
        #expect(sentence(["--config-file", "there.conf"], file: "{\"loops\": 1.5}")?.contains("loops in") == true)
    }

    @Test func aMissingValueSaysHowToGiveIt() throws {
        #expect(
            throws: ConfigurationError(
                "password is not set: give --password or GUANXI_PASSWORD, for example correct-horse")
        ) { try Configuration(keys: Self.keys, arguments: [], environment: [:]) }
    }

    @Test func secretsAreNeverShown() throws {
        let configuration = try read()
        #expect(configuration[Self.password].value == "hunter22")
        #expect(configuration.summary.contains { $0 == ("password", "***") })
        #expect(sentence([], ["GUANXI_PASSWORD": "abc"]) == "GUANXI_PASSWORD is ***: expected a text")
        var dumped = ""
        dump(configuration[Self.password], to: &dumped)
        #expect(!"\(configuration) \(dumped) \(String(reflecting: configuration))".contains("hunter22"))
    }

    @Test func whatNobodyReadsIsNamed() throws {
        let warnings = try read(["--config-file", "there.conf"], ["GUANXI_LOPS": "3", "HOME": "/"], file: "zzz=1")
            .warnings
        #expect(warnings.count == 2)
        #expect(warnings[0].hasPrefix("GUANXI_LOPS in the environment") && warnings[0].contains("GUANXI_LOOPS?"))
        #expect(warnings[1].hasPrefix("zzz in there.conf"))
    }

    @Test func helpListsEveryKey() {
        let help = Configuration.help(
            program: "leads", summary: "Leads.", keys: Self.keys,
            examples: [(command: "leads --loops 1", meaning: "One loop.")])
        for key in Self.keys {
            #expect(help.contains("--\(key.name)\n") && help.contains(key.help) && help.contains(key.environmentName))
            if let text = key.defaultText, !text.isEmpty { #expect(help.contains("default \(text)")) }
        }
        #expect(help.contains("required") && help.contains("leads --loops 1") && help.contains("--config-file"))
    }

    @Test func kafkaNeedsItsBrokers() throws {
        func settings(_ arguments: [String]) throws -> ServiceSettings {
            let required = [
                "--database-url", "postgresql://g@localhost/x", "--secret", String(repeating: "s", count: 32),
            ]
            let keys = ServiceSettings.keys(for: "customers")
            return try ServiceSettings(
                name: "customers",
                configuration: Configuration(keys: keys, arguments: required + arguments, environment: [:]))
        }
        let settings1 = try settings([])
        #expect(settings1.listen.port == 8083 && settings1.internalListen.port == 9083)
        #expect(settings1.serviceURLs["leads"] == "http://127.0.0.1:8081" && settings1.loops > 0)
        #expect(throws: ConfigurationError.self) { try settings(["--event-log", "kafka"]) }
        #expect(try settings(["--event-log", "kafka", "--kafka-bootstrap-servers", "k:1"]).eventLog == .kafka)
        #expect(throws: ConfigurationError.self) { try settings(["--leads-url", "localhost"]) }
        #expect(settings1.eventRetention == .seconds(14 * 86_400))
        #expect(try settings(["--event-retention", "720h"]).eventRetention == .seconds(30 * 86_400))
        #expect(throws: ConfigurationError.self) { try settings(["--event-retention", "30m"]) }
        #expect(EventRetention.read("336h") == EventRetention.standard && EventRetention.read("30m") == nil)
    }
}
