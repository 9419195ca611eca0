namespace OrleansGeo.Silo;

/// <summary>What a silo logs, and how: a line for people, or a JSON object a line for collectors.</summary>
internal static class SiloLogging
{
    /// <summary>One line of text for each entry.</summary>
    public const string Text = "text";

    /// <summary>One JSON object on a line for each entry, with the parts of its message by name.</summary>
    public const string Json = "json";

    /// <summary>The levels that can be asked for, by name.</summary>
    public static IReadOnlyDictionary<string, LogLevel> Levels { get; } = new Dictionary<string, LogLevel>(StringComparer.Ordinal)
    {
        ["trace"] = LogLevel.Trace,
        ["debug"] = LogLevel.Debug,
        ["information"] = LogLevel.Information,
        ["warning"] = LogLevel.Warning,
        ["error"] = LogLevel.Error,
    };

    /// <summary>Sets the host's logging up.</summary>
    public static void Add(ILoggingBuilder logging, SiloSettings settings)
    {
        var own = Levels[settings.LogLevel];
        if (settings.LogFormat == Json)
        {
            logging.AddJsonConsole(static console =>
            {
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
                console.IncludeScopes = true;
            });
        }
        else
        {
            logging.AddSimpleConsole(static console => console.SingleLine = true);
        }

        logging.SetMinimumLevel(LogLevel.Trace);
        logging.AddFilter((category, level) => level >= LevelOf(category, own));
    }

    /// <summary>What is wrong with how logs are asked for, a line each.</summary>
    public static IEnumerable<string> Wrong(SiloSettings settings)
    {
        if (settings.LogFormat is not (Text or Json))
        {
            yield return $"--log-format is {settings.LogFormat}; it is {Text} or {Json}.";
        }

        if (!Levels.ContainsKey(settings.LogLevel))
        {
            yield return $"--log-level is {settings.LogLevel}; it is {string.Join(", ", Levels.Keys)}.";
        }
    }

    // The services log each move of the ring, in which they have no part. A refused placement is an answer to its caller, and logged by
    // Orleans as an error with a stack each time.
    private static LogLevel LevelOf(string? category, LogLevel own) =>
        category is null ? own
        : category.EndsWith("PeerService", StringComparison.Ordinal) ? Stricter(own, LogLevel.Warning)
        : category.StartsWith("OrleansGeo.", StringComparison.Ordinal) ? own
        : category.StartsWith("Orleans.Messaging", StringComparison.Ordinal) ? LogLevel.Critical
        : Stricter(own, LogLevel.Warning);

    private static LogLevel Stricter(LogLevel a, LogLevel b) => a > b ? a : b;
}
