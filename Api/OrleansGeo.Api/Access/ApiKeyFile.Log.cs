namespace OrleansGeo.Api.Access;

public sealed partial class ApiKeyFile
{
    [LoggerMessage(1, LogLevel.Information, "The file of API keys changed; it has {Count} keys now")]
    private static partial void KeysChanged(ILogger logger, int count);

    [LoggerMessage(2, LogLevel.Error, "{Reason} The keys that were read before still count")]
    private static partial void KeysUnreadable(ILogger logger, string reason);
}
