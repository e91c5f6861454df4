/// The problems that any service may answer.
extension ProblemType {
    public static let malformedRequest = ProblemType(
        "malformedRequest", 400,
        title: .init(en: "Malformed request", zh: "请求格式错误"),
        advice: .init(en: "Correct what the detail names and send again.", zh: "请按详情说明修正后重新发送。"))
    public static let malformedJSON = ProblemType(
        "malformedJSON", 400,
        title: .init(en: "Malformed JSON", zh: "JSON 格式错误"),
        advice: .init(en: "Send one well-formed JSON text in UTF-8.", zh: "请发送格式正确的 UTF-8 编码 JSON。"))
    public static let invalidParameter = ProblemType(
        "invalidParameter", 400,
        title: .init(en: "Invalid parameter", zh: "参数无效"),
        advice: .init(
            en: "Correct the parameters named in errors.", zh: "请修正 errors 中列出的参数。"))
    public static let unknownParameter = ProblemType(
        "unknownParameter", 400,
        title: .init(en: "Unknown query parameter", zh: "未知的查询参数"),
        advice: .init(
            en: "Remove the parameters named in errors, or correct their spelling.",
            zh: "请删除 errors 中列出的参数，或更正其拼写。"))
    public static let unauthenticated = ProblemType(
        "unauthenticated", 401,
        title: .init(en: "Not signed in", zh: "未登录"),
        advice: .init(
            en: "Send a valid access token or API key in the Authorization header.",
            zh: "请在 Authorization 请求头中提供有效的访问令牌或 API 密钥。"))
    public static let forbidden = ProblemType(
        "forbidden", 403,
        title: .init(en: "Not allowed", zh: "没有权限"),
        advice: .init(
            en: "Ask an administrator for a role that allows this.", zh: "请向管理员申请具备此权限的角色。"))
    public static let notFound = ProblemType(
        "notFound", 404,
        title: .init(en: "Not found", zh: "未找到"),
        advice: .init(
            en: "Check the address and the id; what you may not see looks the same as what does not exist.",
            zh: "请检查地址和编号；无权查看的内容与不存在的内容返回相同的结果。"))
    public static let methodNotAllowed = ProblemType(
        "methodNotAllowed", 405,
        title: .init(en: "Method not allowed", zh: "不支持的请求方法"),
        advice: .init(en: "Use one of the methods in the Allow header.", zh: "请使用 Allow 响应头中列出的方法。"))
    public static let requestTimeout = ProblemType(
        "requestTimeout", 408,
        title: .init(en: "The request came too slowly", zh: "请求接收超时"),
        advice: .init(en: "Send the whole request without a pause.", zh: "请不间断地发送完整请求。"))
    public static let conflict = ProblemType(
        "conflict", 409,
        title: .init(en: "Conflicts with the current state", zh: "与当前状态冲突"),
        advice: .init(en: "Read the current state and decide again.", zh: "请读取最新状态后重新操作。"))
    public static let duplicate = ProblemType(
        "duplicate", 409,
        title: .init(en: "Already exists", zh: "已存在"),
        advice: .init(
            en: "Use the existing object, or send another value for what must be unique.",
            zh: "请使用已有对象，或更换必须唯一的值。"))
    public static let requestInProgress = ProblemType(
        "requestInProgress", 409,
        title: .init(en: "The same request is still running", zh: "相同的请求仍在处理中"),
        advice: .init(
            en: "Wait for the first request with this Idempotency-Key, then send again to get its answer.",
            zh: "请等待使用相同 Idempotency-Key 的首个请求完成后再次发送以取得其结果。"))
    public static let versionMismatch = ProblemType(
        "versionMismatch", 412,
        title: .init(en: "Changed in the meantime", zh: "数据已被修改"),
        advice: .init(
            en: "Read the object again and repeat the change with its new ETag in If-Match.",
            zh: "请重新读取对象，并在 If-Match 中使用新的 ETag 重新提交修改。"))
    public static let bodyTooLarge = ProblemType(
        "bodyTooLarge", 413,
        title: .init(en: "Body too large", zh: "请求体过大"),
        advice: .init(en: "Send less at once.", zh: "请减少单次发送的数据量。"))
    public static let targetTooLong = ProblemType(
        "targetTooLong", 414,
        title: .init(en: "Address too long", zh: "请求地址过长"),
        advice: .init(en: "Use fewer or shorter query parameters.", zh: "请减少或缩短查询参数。"))
    public static let unsupportedMediaType = ProblemType(
        "unsupportedMediaType", 415,
        title: .init(en: "Unsupported media type", zh: "不支持的媒体类型"),
        advice: .init(
            en: "Send the body with the Content-Type that the operation declares.",
            zh: "请使用该接口声明的 Content-Type 发送请求体。"))
    public static let validationFailed = ProblemType(
        "validationFailed", 422,
        title: .init(en: "Some values are not accepted", zh: "部分内容未通过校验"),
        advice: .init(en: "Correct the members named in errors.", zh: "请修正 errors 中列出的字段。"))
    public static let ruleViolated = ProblemType(
        "ruleViolated", 422,
        title: .init(en: "A business rule forbids this", zh: "违反业务规则"),
        advice: .init(en: "Do what the detail says first.", zh: "请先按详情说明处理。"))
    public static let idempotencyKeyReused = ProblemType(
        "idempotencyKeyReused", 422,
        title: .init(en: "Idempotency-Key used for another request", zh: "Idempotency-Key 已用于其他请求"),
        advice: .init(
            en: "Use a new Idempotency-Key for each different request.",
            zh: "不同的请求请使用不同的 Idempotency-Key。"))
    public static let rateLimited = ProblemType(
        "rateLimited", 429,
        title: .init(en: "Too many requests", zh: "请求过于频繁"),
        advice: .init(
            en: "Wait as long as Retry-After says, then send again more slowly.",
            zh: "请按 Retry-After 指定的时间等待，然后降低发送频率。"))
    public static let headersTooLarge = ProblemType(
        "headersTooLarge", 431,
        title: .init(en: "Headers too large", zh: "请求头过大"),
        advice: .init(en: "Send fewer or shorter headers.", zh: "请减少或缩短请求头。"))
    public static let internalError = ProblemType(
        "internalError", 500,
        title: .init(en: "Something went wrong on our side", zh: "服务器内部错误"),
        advice: .init(
            en: "Try again; if it stays, report the requestId.", zh: "请重试；若问题持续，请提供 requestId 以便排查。"))
    public static let notImplemented = ProblemType(
        "notImplemented", 501,
        title: .init(en: "Method not known", zh: "无法识别的请求方法"),
        advice: .init(en: "Use a method that the API declares.", zh: "请使用接口声明的方法。"))
    public static let badGateway = ProblemType(
        "badGateway", 502,
        title: .init(en: "A service behind us answered nonsense", zh: "上游服务响应异常"),
        advice: .init(
            en: "Try again; if it stays, report the requestId.", zh: "请重试；若问题持续，请提供 requestId 以便排查。"))
    public static let unavailable = ProblemType(
        "unavailable", 503,
        title: .init(en: "Temporarily unavailable", zh: "服务暂时不可用"),
        advice: .init(
            en: "Send again after the time in Retry-After; a repeated Idempotency-Key prevents double effects.",
            zh: "请在 Retry-After 指定的时间后重试；重复使用 Idempotency-Key 可避免重复执行。"))
    public static let deadlineExceeded = ProblemType(
        "deadlineExceeded", 503,
        title: .init(en: "Took too long", zh: "处理超时"),
        advice: .init(
            en: "Send again after the time in Retry-After, or ask for less at once.",
            zh: "请在 Retry-After 指定的时间后重试，或减少单次请求的数据量。"))

    public static let overloaded = ProblemType(
        "overloaded", 503,
        title: .init(en: "Too busy", zh: "系统繁忙"),
        advice: .init(
            en: "More is asked than can be answered now: send again after the time in Retry-After, and more slowly.",
            zh: "当前请求过多，请在 Retry-After 指定的时间后重试，并降低发送频率。"))

    /// Every problem above, by status.
    public static let common: [ProblemType] = [
        malformedRequest, malformedJSON, invalidParameter, unknownParameter, unauthenticated, forbidden, notFound,
        methodNotAllowed, requestTimeout, conflict, duplicate, requestInProgress, versionMismatch, bodyTooLarge,
        targetTooLong, unsupportedMediaType, validationFailed, ruleViolated, idempotencyKeyReused, rateLimited,
        headersTooLarge, internalError, notImplemented, badGateway, unavailable, deadlineExceeded, overloaded,
    ]
}
