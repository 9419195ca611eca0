namespace OrleansGeo.Api.Problems;

public sealed partial class EdgeMiddleware
{
    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} met an unexpected error")]
    private static partial void HandlerThrew(ILogger logger, Exception exception, string method, string path);
}
