namespace OrleansGeo.Silo;

/// <summary>What the process says to whoever started it.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The node stopped itself, or could not start; starting it again may help.</summary>
    public const int Failed = 1;

    /// <summary>It was told something that cannot be; starting it again with the same does not help.</summary>
    public const int Usage = 2;
}

/// <summary>The process cannot start as it was told to; the message is for the user, one line.</summary>
internal sealed class SiloRefusedException(string message) : Exception(message);
