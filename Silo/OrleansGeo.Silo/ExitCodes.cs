namespace OrleansGeo.Silo;

/// <summary>What the process says to whoever started it.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The node stopped itself, or could not start; starting it again may help.</summary>
    public const int Failed = 1;

    /// <summary>It was told something that cannot be; starting it again with the same does not help.</summary>
    public const int Usage = 2;

    /// <summary>The code of a command that is done when this is, or is refused with its one line.</summary>
    public static async Task<int> OfAsync(Func<Task> command)
    {
        try
        {
            await command();
            return Done;
        }
        catch (SiloRefusedException refused)
        {
            await Console.Error.WriteLineAsync(refused.Lines);
            return Usage;
        }
    }
}

/// <summary>The process cannot start as it was told to; the message is for the user, a line for each thing that is wrong.</summary>
internal sealed class SiloRefusedException(params IEnumerable<string> wrong) : Exception(string.Join(Environment.NewLine, wrong))
{
    /// <summary>The message as it is printed: each line says whose it is.</summary>
    public string Lines => "geo-silo: " + Message.ReplaceLineEndings(Environment.NewLine + "geo-silo: ");
}
