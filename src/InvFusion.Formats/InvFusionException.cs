using InvFusion.Formats.IO;

namespace InvFusion;

/// <summary>Base of every error that this library raises on purpose; its message is one line that names what is wrong and the way out.</summary>
public abstract class InvFusionException : Exception
{
    /// <summary>Creates the error. Whatever of a file has got into its message, it is one plain line of bounded length.</summary>
    protected InvFusionException(string message, Exception? inner = null)
        : base(Names.Line(message), inner) { }
}

/// <summary>A setting, option or specification is wrong; the message names it.</summary>
public sealed class ConfigurationException(string message, Exception? inner = null) : InvFusionException(message, inner);

/// <summary>A file or a piece of data cannot be used; the message names it.</summary>
public sealed class DataFormatException(string message, Exception? inner = null) : InvFusionException(message, inner);

/// <summary>A native library cannot be loaded or failed; the message gives the remedy.</summary>
public sealed class NativeRuntimeException(string message, Exception? inner = null) : InvFusionException(message, inner);

/// <summary>A computation left the finite numbers; the message says which and where.</summary>
public sealed class DivergenceException(string message, Exception? inner = null) : InvFusionException(message, inner);
