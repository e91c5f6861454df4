import Entities
import Foundation
import JSON
import Values

/// A record with a field of every kind, as a service would describe it.
struct Sample: Sendable, Equatable {
    enum Status: String, LabelledChoice {
        case new, done
        var labels: (zh: String, en: String) { self == .new ? ("新", "New") : ("完成", "Done") }
    }

    struct Line: CatalogueRecord {
        var product = ""
        var quantity = 1.0
        var price: Money?

        static let catalogue = Entity<Line>(
            "line", zh: "行", en: "Line",
            [
                Field("product", \.product, .string, zh: "产品", en: "Product", .required),
                Field("quantity", \.quantity, .decimal(0...1000, digits: 2), zh: "数量", en: "Quantity"),
                Field("price", \.price, .money, zh: "价格", en: "Price"),
            ])
    }

    var id = UUID(high: 1, low: 2)
    var company: String?
    var note: String?
    var size: Int?
    var score: Double?
    var isOpen = true
    var amount: Money?
    var day: CalendarDate?
    var seenAt: Timestamp?
    var ownerId: UUID?
    var status = Status.new
    var aliases: [String] = []
    var lines: [Line] = []
    var email: String?
    var phone: String?
    var site: String?
    var source: String?
    var custom = JSONObject()

    static let catalogue = Entity<Sample>(
        "sample", zh: "样本", en: "Sample", custom: \.custom,
        [
            Field("id", \.id, .uuid, zh: "标识", en: "Id", .readOnly),
            Field("company", \.company, .string(max: 20), zh: "公司", en: "Company", [.required, .searchable]),
            Field("note", \.note, .text(max: 50), zh: "备注", en: "Note", .notInEvents),
            Field("size", \.size, .integer(1...1000), zh: "规模", en: "Size"),
            Field("score", \.score, .decimal(0...1, digits: 2), zh: "分数", en: "Score"),
            Field("isOpen", \.isOpen, .boolean, zh: "开放", en: "Open"),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount"),
            Field("day", \.day, .date, zh: "日期", en: "Day"),
            Field("seenAt", \.seenAt, .timestamp, zh: "时间", en: "Seen at"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("status", \.status, .choice(of: Status.self), zh: "状态", en: "Status"),
            Field("aliases", \.aliases, .list(.string(max: 20), max: 3), zh: "别名", en: "Aliases"),
            Field("lines", \.lines, .list(.object(Line.self), max: 5), zh: "明细", en: "Lines"),
            Field("email", \.email, .email, zh: "邮箱", en: "E-mail", .sensitive),
            Field("phone", \.phone, .phone, zh: "电话", en: "Phone", .sensitive),
            Field("site", \.site, .url, zh: "网址", en: "Site"),
            Field("source", \.source, .string, zh: "来源", en: "Source", .createOnly),
        ])

    static let context = TextContext(timeZone: TimeZone(identifier: "Asia/Shanghai") ?? .gmt, currency: .cny)

    static func made(_ body: JSON, custom: CustomFields = .none) throws -> Sample {
        catalogue.apply(try catalogue.validate(create: body, custom: custom), to: Sample()).record
    }
}

/// The codes of a refusal by path.
func issues(_ work: () throws -> Void) -> [String: String] {
    do {
        try work()
        return [:]
    } catch let failure as ValidationFailure {
        return Dictionary(failure.issues.map { ($0.path, $0.code) }, uniquingKeysWith: { "\($0)+\($1)" })
    } catch {
        return ["": "\(error)"]
    }
}
