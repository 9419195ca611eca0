namespace OrleansGeo.Primitives;

/// <summary>
/// Switches that each break one rule of the protocol, so that the tests can be tested. They exist only in test builds: where PLANTED_BUGS
/// is not defined, <see cref="Is"/> is the constant false and the branch is compiled away.
/// </summary>
public static class PlantedBug
{
#if PLANTED_BUGS
    [ThreadStatic]
    private static string? s_active;

    /// <summary>The one bug that is switched on for this thread, or null. A simulation runs on one thread.</summary>
    public static string? Active
    {
        get => s_active;
        set => s_active = value;
    }

    /// <summary>True when the named bug is switched on.</summary>
    public static bool Is(string name) => s_active is not null && string.Equals(s_active, name, StringComparison.Ordinal);
#else
    /// <summary>Always false in a build that ships.</summary>
    public static bool Is(string name) => false;
#endif
}
