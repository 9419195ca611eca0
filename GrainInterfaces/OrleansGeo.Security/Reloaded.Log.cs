using Microsoft.Extensions.Logging;

namespace OrleansGeo.Security;

public sealed partial class Reloaded<T>
{
    [LoggerMessage(1, LogLevel.Information, "Read anew: {Content}")]
    private static partial void FilesChanged(ILogger logger, T content);

    [LoggerMessage(2, LogLevel.Error, "{Reason} What was read before still counts")]
    private static partial void FilesUnusable(ILogger logger, string reason);
}
