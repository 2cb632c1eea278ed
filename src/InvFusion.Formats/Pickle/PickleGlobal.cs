namespace InvFusion.Formats.Pickle;

/// <summary>The name of a Python class or function, as a pickle refers to it; nothing is ever imported or called.</summary>
/// <param name="module">The module, for example <c>collections</c>.</param>
/// <param name="name">The name in the module, for example <c>OrderedDict</c>.</param>
public sealed class PickleGlobal(string module, string name)
{
    /// <summary>The module, for example <c>collections</c>.</summary>
    public string Module { get; } = module;

    /// <summary>The name in the module, for example <c>OrderedDict</c>.</summary>
    public string Name { get; } = name;

    /// <summary>Module and name.</summary>
    public override string ToString() => $"{Module}.{Name}";
}
