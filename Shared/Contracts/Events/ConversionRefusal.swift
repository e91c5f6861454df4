import Entities

/// Why a step of a conversion was refused, for readers of either language. A service that refuses one answers with it as
/// the member `refusal` of its problem.
public struct ConversionRefusal: CatalogueRecord {
    /// The problem's: `validationFailed`, `duplicate`.
    public var code = "refused"
    /// What is wrong, whole sentences.
    public var en = ""
    public var zh = ""
    /// The members that are wrong, where it is they.
    public var errors: [ConversionFieldError] = []

    public init() {}
    public init(code: String = "refused", en: String, zh: String) { (self.code, self.en, self.zh) = (code, en, zh) }

    public static let catalogue = Entity<ConversionRefusal>(
        "conversionRefusal", zh: "转化被拒绝的原因", en: "Why a conversion was refused",
        [
            Field("code", \.code, .string(max: 60), zh: "代码", en: "Code"),
            Field("en", \.en, .text, zh: "英文说明", en: "In English"),
            Field("zh", \.zh, .text, zh: "中文说明", en: "In Chinese"),
            Field("errors", \.errors, .list(.object(ConversionFieldError.self), max: 100), zh: "字段错误", en: "Members"),
        ])
}

/// A member that was refused.
public struct ConversionFieldError: CatalogueRecord {
    /// A JSON pointer into the body of the conversion: `/account/name`.
    public var path = ""
    public var code = ""
    public var en = ""
    public var zh = ""

    public init() {}

    public static let catalogue = Entity<ConversionFieldError>(
        "conversionFieldError", zh: "字段错误", en: "Member that was refused",
        [
            Field("path", \.path, .string(max: 200), zh: "路径", en: "Path", help: "/account/name"),
            Field("code", \.code, .string(max: 60), zh: "代码", en: "Code"),
            Field("en", \.en, .text, zh: "英文说明", en: "In English"),
            Field("zh", \.zh, .text, zh: "中文说明", en: "In Chinese"),
        ])
}
